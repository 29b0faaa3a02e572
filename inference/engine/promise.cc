#include "inference/engine/promise.h"

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "inference/engine/compiled_step_runner.h"
#include "inference/engine/draft_model.h"
#include "inference/engine/engine_core.h"
#include "inference/engine/prompt_lookup.h"
#include "inference/engine/token_trie_of.h"
#include "inference/grammar/grammar_text.h"

namespace strata::inference {
namespace {

// Texts that repeat themselves, for speculation, and have many ways to go on; of bytes below 61, the least vocabulary.
constexpr char kGrammar[] = R"gbnf(
root  ::= "(" entry ("," entry)* ")"
entry ::= [!-&]{1,4} ":" ([0-9]{1,3} | root) ";"
)gbnf";

constexpr int64_t kSlots = 512, kMaxRows = 16, kMaxSequences = 4, kTokens = 44;

enum class Guesses { kNone, kLookup, kTree, kDraft };

// All that features may change.
struct Workload {
  KvFormat kv = KvFormat::kF16;
  int threads = 1;
  int64_t max_sequences = 1, page_size = 16, chunk = kMaxRows, budget = kMaxRows;
  bool prefixes = false, warm = false, others = false, tight = false, grammar = false;
  Guesses guesses = Guesses::kNone;
  int64_t n = 1;
  SamplingOptions sampling{.temperature = 0};
};

struct Feature {
  const char* name;
  const char* choice;  // of features with the same choice an engine has one; "": no choice
  std::function<void(Workload*)> apply;
};

const std::vector<Feature>& AllFeatures() {
  static const auto& features = *new std::vector<Feature>{
      {"others", "", [](Workload* w) { w->max_sequences = kMaxSequences, w->others = true; }},
      {"pages of 1", "page", [](Workload* w) { w->page_size = 1; }},
      {"pages of 5", "page", [](Workload* w) { w->page_size = 5; }},
      {"chunks", "", [](Workload* w) { w->chunk = 3; }},
      {"budget", "", [](Workload* w) { w->budget = 7; }},
      {"prefixes", "", [](Workload* w) { w->prefixes = w->warm = true; }},
      {"preemption", "",
       [](Workload* w) { w->max_sequences = kMaxSequences, w->others = w->tight = true; }},
      {"lookup", "guesses", [](Workload* w) { w->guesses = Guesses::kLookup; }},
      {"tree", "guesses", [](Workload* w) { w->guesses = Guesses::kTree; }},
      {"draft", "guesses", [](Workload* w) { w->guesses = Guesses::kDraft; }},
      {"n = 3", "", [](Workload* w) { w->n = 3; }},
      {"threads", "", [](Workload* w) { w->threads = 3; }},
      {"sampling", "",
       [](Workload* w) { w->sampling = {.temperature = 0.8, .top_p = 0.95, .seed = 11}; }},
      {"penalties", "",
       [](Workload* w) {
         w->sampling.repetition_penalty = 1.2;
         w->sampling.presence_penalty = 0.3;
       }},
      {"grammar", "", [](Workload* w) { w->grammar = true; }},
      {"f32 KV", "kv", [](Workload* w) { w->kv = KvFormat::kF32; }},
      {"bf16 KV", "kv", [](Workload* w) { w->kv = KvFormat::kBf16; }},
      {"int8 KV", "kv", [](Workload* w) { w->kv = KvFormat::kInt8; }},
  };
  return features;
}

bool Exclude(const Feature& a, const Feature& b) {
  return a.choice[0] != '\0' && std::string(a.choice) == b.choice && a.name != b.name;
}

// Prompts of a few tokens, of one chunk and more; with repetitions for speculation.
std::vector<std::vector<int32_t>> Prompts(int64_t vocabulary) {
  std::vector<std::vector<int32_t>> prompts;
  for (int64_t length : {1, 17, 40}) {
    std::vector<int32_t>& prompt = prompts.emplace_back();
    for (int64_t i = 0; i < length; ++i)
      prompt.push_back(static_cast<int32_t>((7 * (i % 11) + length) % vocabulary));
  }
  return prompts;
}

// Somebody else's engine core may use the runner next: the slots keep what was in them.
class Borrowed : public StepRunner {
 public:
  explicit Borrowed(StepRunner* runner) : runner_(runner) {}
  absl::Span<int32_t> View(int64_t view) override { return runner_->View(view); }
  absl::StatusOr<graph::HostTensor> Run(absl::Span<const StepRow> rows) override {
    return runner_->Run(rows);
  }
  void CopySlots(int32_t from, int32_t to, int64_t count) override {
    runner_->CopySlots(from, to, count);
  }
  int64_t max_rows() const override { return runner_->max_rows(); }
  int64_t views() const override { return runner_->views(); }
  int64_t view_length() const override { return runner_->view_length(); }
  int64_t kv_bytes() const override { return runner_->kv_bytes(); }

 private:
  StepRunner* runner_;
};

class Tester {
 public:
  Tester(const DecoderModel& model, const DecoderModel& draft, const Tokenizer& tokenizer)
      : model_(model), draft_(draft), tokenizer_(tokenizer) {}

  absl::StatusOr<PromiseCell> Cell(const Feature& first, const Feature& second) {
    Workload workload;
    first.apply(&workload);
    second.apply(&workload);
    STRATA_RETURN_IF_ERROR(MakeGrammar());
    PromiseCell cell{first.name, second.name, 0, {}, {}};
    STRATA_ASSIGN_OR_RETURN(const auto answers, Answers(workload, &cell.stats));
    for (const auto& [asked, tokens] : answers) {
      STRATA_ASSIGN_OR_RETURN(const std::vector<int32_t> plain, Plain(workload, asked));
      ++cell.answers;
      if (tokens == plain && (!workload.grammar || IsOfGrammar(tokens))) continue;
      cell.differences.push_back(absl::StrCat("prompt ", asked.first, ", answer ", asked.second,
                                              ": ", absl::StrJoin(tokens, " "),
                                              "; plain: ", absl::StrJoin(plain, " ")));
    }
    return cell;
  }

 private:
  using Asked = std::pair<size_t, int64_t>;  // prompt and choice

  GenerateRequest Request(const Workload& workload, size_t prompt) const {
    GenerateRequest request;
    request.prompt = Prompts(model_.vocab_size())[prompt];
    request.max_tokens = kTokens;
    request.sampling = workload.sampling;
    request.ignore_eos = true;
    if (workload.grammar) request.grammar = grammar_;
    return request;
  }

  absl::Status MakeGrammar() {
    if (grammar_ != nullptr) return absl::OkStatus();
    STRATA_ASSIGN_OR_RETURN(grammar::Grammar grammar, grammar::ParseGrammar(kGrammar));
    STRATA_ASSIGN_OR_RETURN(
        grammar_, grammar::TokenGrammar::Create(std::move(grammar), MakeTokenTrie(tokenizer_)));
    return absl::OkStatus();
  }

  bool IsOfGrammar(const std::vector<int32_t>& tokens) const {
    grammar::TokenMatcher matcher(grammar_);
    return std::all_of(tokens.begin(), tokens.end(),
                       [&](int32_t token) { return matcher.Accept(token).ok(); });
  }

  absl::StatusOr<StepRunner*> Runner(const DecoderModel& model, KvFormat kv, int threads) {
    std::unique_ptr<CompiledStepRunner>& runner = runners_[{&model, kv, threads}];
    if (runner != nullptr) return runner.get();
    compiler::CompiledEvaluator::Options options;
    options.device_options.threads = threads;
    const RunnerSizes sizes = {.slots = kSlots,
                               .views = kMaxSequences * 8,
                               .view_length = PromiseMatrix::kContext,
                               .max_rows = kMaxRows,
                               .kv = kv};
    STRATA_ASSIGN_OR_RETURN(runner, CompiledStepRunner::Create(&model, sizes, std::move(options)));
    return runner.get();
  }

  absl::StatusOr<std::unique_ptr<Speculator>> MakeSpeculator(const Workload& workload) {
    if (workload.guesses == Guesses::kNone) return nullptr;
    if (workload.guesses != Guesses::kDraft)
      return std::make_unique<PromptLookup>(2, workload.guesses == Guesses::kTree ? 2 : 1);
    // In another KV format, so that it is not always right where the draft is the model itself.
    STRATA_ASSIGN_OR_RETURN(StepRunner * runner, Runner(draft_, KvFormat::kInt8, 2));
    const DraftModelOptions options = {.pages = kSlots / workload.page_size,
                                       .page_size = workload.page_size,
                                       .vocabulary = model_.vocab_size(),
                                       .width = 1,
                                       .draws = false};
    return std::make_unique<DraftModel>(nullptr, std::make_unique<Borrowed>(runner), options);
  }

  absl::StatusOr<std::unique_ptr<EngineCore>> MakeCore(const Workload& workload) {
    STRATA_ASSIGN_OR_RETURN(StepRunner * runner, Runner(model_, workload.kv, workload.threads));
    STRATA_ASSIGN_OR_RETURN(auto speculator, MakeSpeculator(workload));
    CoreOptions options;
    options.scheduler = {.page_size = workload.page_size,
                         .max_sequences = workload.max_sequences,
                         .step_tokens = workload.budget,
                         .chunk_tokens = workload.chunk};
    options.context = PromiseMatrix::kContext;
    options.pages = kSlots / workload.page_size;
    if (workload.tight) options.pages = PagesFor(options.context, workload.page_size) + 2;
    options.prefix_cache = workload.prefixes;
    options.vocabulary = model_.vocab_size();
    if (speculator != nullptr) {
      options.draft_depth = 3;
      options.draft_nodes = workload.guesses == Guesses::kTree ? 6 : 3;
    }
    return std::make_unique<EngineCore>(options, &tokenizer_, std::make_unique<Borrowed>(runner),
                                        std::move(speculator));
  }

  static absl::Status RunAll(EngineCore* core) {
    absl::Status status;
    while (core->busy()) {
      core->Step();
      for (EngineCore::Finished& end : core->TakeFinished()) {
        if (!end.result.ok()) status.Update(end.result.status());
        if (end.request->on_done) end.request->on_done(end.choice, end.result);
      }
    }
    status.Update(core->CheckEmpty());
    return status;
  }

  // Requests of other people, of other lengths.
  void AddOthers(const Workload& workload, EngineCore* core) const {
    for (int i = 0; i < 4; ++i) {
      GenerateRequest other = Request(workload, static_cast<size_t>(i) % 3);
      for (int32_t& token : other.prompt) token = (token + i + 1) % 50;
      other.max_tokens = 5 + 9 * i;
      other.sampling.seed = static_cast<uint64_t>(i);
      core->Add(std::make_shared<const GenerateRequest>(other), nullptr, nullptr);
    }
  }

  absl::StatusOr<std::map<Asked, std::vector<int32_t>>> Answers(const Workload& workload,
                                                                EngineStats* stats) {
    STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<EngineCore> core, MakeCore(workload));
    std::map<Asked, std::vector<int32_t>> answers;
    for (int round = workload.warm ? 0 : 1; round < 2; ++round) {
      answers.clear();
      if (workload.others) AddOthers(workload, core.get());
      for (size_t prompt = 0; prompt < 3; ++prompt) {
        GenerateRequest request = Request(workload, prompt);
        request.n = workload.n;
        core->Add(std::make_shared<const GenerateRequest>(request), nullptr,
                  [&answers, prompt](int64_t choice, const absl::StatusOr<Generation>& result) {
                    if (result.ok()) answers[{prompt, choice}] = result->tokens;
                  });
      }
      STRATA_RETURN_IF_ERROR(RunAll(core.get()));
    }
    *stats = core->stats();
    return answers;
  }

  // The answer of an engine without features, to this request alone; computed once.
  absl::StatusOr<std::vector<int32_t>> Plain(const Workload& workload, const Asked& asked) {
    const SamplingOptions& sampling = workload.sampling;
    const auto key = std::make_tuple(workload.kv, workload.grammar, sampling.temperature,
                                     sampling.repetition_penalty, asked.first, asked.second);
    const auto known = plain_.find(key);
    if (known != plain_.end()) return known->second;
    Workload plain;
    plain.kv = workload.kv;
    plain.grammar = workload.grammar;
    plain.sampling = sampling;
    STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<EngineCore> core, MakeCore(plain));
    GenerateRequest request = Request(plain, asked.first);
    request.sampling.seed += static_cast<uint64_t>(asked.second);
    std::vector<int32_t> tokens;
    core->Add(std::make_shared<const GenerateRequest>(request), nullptr,
              [&tokens](int64_t, const absl::StatusOr<Generation>& result) {
                if (result.ok()) tokens = result->tokens;
              });
    STRATA_RETURN_IF_ERROR(RunAll(core.get()));
    plain_[key] = tokens;
    return tokens;
  }

  const DecoderModel& model_;
  const DecoderModel& draft_;
  const Tokenizer& tokenizer_;
  std::map<std::tuple<const DecoderModel*, KvFormat, int>, std::unique_ptr<CompiledStepRunner>>
      runners_;
  std::map<std::tuple<KvFormat, bool, double, double, size_t, int64_t>, std::vector<int32_t>>
      plain_;
  std::shared_ptr<const grammar::TokenGrammar> grammar_;
};

}  // namespace

std::vector<std::string> PromiseMatrix::Features() {
  std::vector<std::string> names;
  for (const Feature& feature : AllFeatures()) names.push_back(feature.name);
  return names;
}

absl::StatusOr<PromiseMatrix> PromiseMatrix::Run(std::shared_ptr<const DecoderModel> model,
                                                 std::shared_ptr<const DecoderModel> draft,
                                                 const Tokenizer& tokenizer, Scope scope) {
  if (model->max_context() < kContext) {
    return absl::InvalidArgumentError(absl::StrCat("the model's context of ", model->max_context(),
                                                   " tokens is below ", kContext));
  }
  Tester tester(*model, draft == nullptr ? *model : *draft, tokenizer);
  PromiseMatrix matrix;
  const std::vector<Feature>& features = AllFeatures();
  for (size_t i = 0; i < features.size(); ++i) {
    for (size_t j = 0; j <= i; ++j) {
      if (Exclude(features[j], features[i])) continue;
      if (scope == Scope::kAlone && (j != i || features[i].choice == std::string("kv"))) continue;
      absl::StatusOr<PromiseCell> cell = tester.Cell(features[j], features[i]);
      STRATA_RETURN_IF_ERROR(
          Annotate(cell.status(), absl::StrCat(features[j].name, " with ", features[i].name)));
      matrix.cells_.push_back(*std::move(cell));
    }
  }
  return matrix;
}

const PromiseCell& PromiseMatrix::Alone(const std::string& feature) const {
  return *std::find_if(cells_.begin(), cells_.end(), [&](const PromiseCell& cell) {
    return cell.first == feature && cell.second == feature;
  });
}

std::string PromiseMatrix::Table() const {
  const std::vector<std::string> names = Features();
  std::string table = absl::StrCat("| | ", absl::StrJoin(names, " | "), " |\n|---|");
  for (size_t i = 0; i < names.size(); ++i) table += "---|";
  for (const std::string& row : names) {
    absl::StrAppend(&table, "\n| **", row, "** |");
    for (const std::string& column : names) {
      const auto cell = std::find_if(cells_.begin(), cells_.end(), [&](const PromiseCell& c) {
        return c.first == column && c.second == row;
      });
      if (cell != cells_.end())
        absl::StrAppend(&table, " ", cell->differences.empty() ? cell->answers : -1);
      table += " |";
    }
  }
  return table + "\n";
}

}  // namespace strata::inference
