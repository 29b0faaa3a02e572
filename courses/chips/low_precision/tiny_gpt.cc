#include "courses/chips/low_precision/tiny_gpt.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "chips/numerics/convert.h"
#include "chips/numerics/philox.h"

namespace strata::courses {
namespace {

using graph::HostTensor;

constexpr double kBeta1 = 0.9;  // of AdamW's first moment

int32_t TokenOf(char c) {
  if (c == ' ') return 26;
  if (c == '.') return 27;
  return c - 'a';
}

// The training step and its inputs by name.
struct Model {
  graph::Graph graph;
  std::vector<HostTensor> inputs;
  std::map<std::string, size_t> index;
  std::vector<size_t> parameters;

  HostTensor& Input(const std::string& name) { return inputs[index.at(name)]; }
};

absl::Status RoundToBf16(bool stochastic, uint64_t stream, HostTensor& tensor) {
  const absl::Span<float> x(tensor.data<float>(), static_cast<size_t>(tensor.elements()));
  std::vector<uint16_t> codes(x.size());
  if (stochastic) {
    STRATA_RETURN_IF_ERROR(chips::FromF32Stochastic(
        chips::Format::kBf16, x, chips::RandomBits(7, stream), 0, absl::MakeSpan(codes)));
  } else {
    STRATA_RETURN_IF_ERROR(chips::FromF32(chips::Format::kBf16, x, absl::MakeSpan(codes)));
  }
  return chips::ToF32(chips::Format::kBf16, codes, x);
}

absl::StatusOr<Model> MakeModel(const GptSizes& sizes) {
  Model model;
  STRATA_ASSIGN_OR_RETURN(model.graph, GptTrainingStep(sizes));
  model.inputs = MakeInputs(model.graph, sizes.vocabulary);
  for (int i = 0; i < model.graph.inputs_size(); ++i) {
    const graph::Input& input = model.graph.inputs(i);
    HostTensor& tensor = model.inputs[static_cast<size_t>(i)];
    model.index[model.graph.values(static_cast<int>(input.value())).name()] =
        static_cast<size_t>(i);
    if (input.kind() == graph::STATE) std::memset(tensor.raw(), 0, tensor.size_bytes());
    if (input.kind() != graph::PARAMETER) continue;
    model.parameters.push_back(static_cast<size_t>(i));
    STRATA_RETURN_IF_ERROR(RoundToBf16(false, 0, tensor));
  }
  return model;
}

// Windows of the text at places that depend on the step alone.
void SetBatch(const std::string& text, const TinyGptOptions& options, int64_t step, Model& model) {
  const GptSizes& s = options.sizes;
  const chips::RandomBits random(options.seed, static_cast<uint64_t>(step));
  int32_t* tokens = model.Input("tokens").data<int32_t>();
  int32_t* targets = model.Input("targets").data<int32_t>();
  for (int64_t b = 0; b < s.batch; ++b) {
    const size_t at =
        random.At(static_cast<uint64_t>(b)) % (text.size() - static_cast<size_t>(s.tokens) - 1);
    for (int64_t t = 0; t < s.tokens; ++t) {
      const size_t place = at + static_cast<size_t>(t);
      tokens[b * s.tokens + t] = TokenOf(text[place]);
      targets[b * s.tokens + t] = TokenOf(text[place + 1]);
    }
  }
}

double LearningRate(const TinyGptOptions& options, int64_t step) {
  const double warm_up = std::max(1.0, static_cast<double>(options.steps) / 10);
  const double done = static_cast<double>(step) + 1;
  if (done < warm_up) return options.learning_rate * done / warm_up;
  const double progress = (done - warm_up) / std::max(1.0, options.steps - warm_up);
  return options.learning_rate * (0.55 + 0.45 * std::cos(progress * std::acos(-1.0)));
}

// The weights as they are kept; the share of them that the step did not change.
absl::StatusOr<double> KeepWeights(const TinyGptOptions& options, int64_t step,
                                   const std::vector<HostTensor>& before, Model& model) {
  int64_t same = 0, count = 0;
  for (size_t i = 0; i < model.parameters.size(); ++i) {
    HostTensor& weight = model.inputs[model.parameters[i]];
    if (options.weights != WeightStorage::kF32) {
      const auto stream = static_cast<uint64_t>(step) * model.parameters.size() + i;
      STRATA_RETURN_IF_ERROR(
          RoundToBf16(options.weights == WeightStorage::kBf16Stochastic, stream, weight));
    }
    for (int64_t e = 0; e < weight.elements(); ++e) {
      same += weight.data<float>()[e] == before[i].data<float>()[e];
    }
    count += weight.elements();
  }
  return static_cast<double>(same) / static_cast<double>(count);
}

// m is (1 - beta1) times the gradient after the first step.
std::vector<float> FirstGradient(Model& model) {
  std::vector<float> gradient;
  for (const size_t parameter : model.parameters) {
    const std::string& name =
        model.graph
            .values(static_cast<int>(model.graph.inputs(static_cast<int>(parameter)).value()))
            .name();
    const HostTensor& m = model.Input(absl::StrCat(name, ".m"));
    for (int64_t e = 0; e < m.elements(); ++e) {
      gradient.push_back(static_cast<float>(m.data<float>()[e] / (1 - kBeta1)));
    }
  }
  return gradient;
}

}  // namespace

std::string MadeUpText(size_t characters) {
  static constexpr const char* kArticles[] = {"the", "a", "every", "some"};
  static constexpr const char* kAdjectives[] = {"small", "red",   "old",  "quiet",
                                                "heavy", "green", "wild", "new"};
  static constexpr const char* kNouns[] = {"cat",   "house", "river", "stone",
                                           "child", "tree",  "fish",  "king"};
  static constexpr const char* kVerbs[] = {"sees",  "finds",  "carries",
                                           "loses", "paints", "follows"};
  const chips::RandomBits random(3);
  uint64_t drawn = 0;
  std::string text;
  const auto add = [&](const auto& words, const char* end) {
    absl::StrAppend(&text, words[random.At(drawn++) % std::size(words)], end);
  };
  while (text.size() < characters) {
    add(kArticles, " ");
    if (random.At(drawn++) % 2 == 0) add(kAdjectives, " ");
    add(kNouns, " ");
    add(kVerbs, " ");
    add(kArticles, " ");
    add(kNouns, ". ");
  }
  text.resize(characters);
  return text;
}

double TrainingRun::Tail() const {
  const size_t count = std::max<size_t>(1, losses.size() / 10);
  double sum = 0;
  for (size_t i = losses.size() - count; i < losses.size(); ++i) sum += losses[i];
  return sum / static_cast<double>(count);
}

absl::StatusOr<TrainingRun> TrainTinyGpt(const TinyGptOptions& options,
                                         graph::Evaluator& evaluator) {
  STRATA_ASSIGN_OR_RETURN(Model model, MakeModel(options.sizes));
  const std::string text = MadeUpText(20000);
  TrainingRun run;
  for (int64_t step = 0; step < options.steps; ++step) {
    SetBatch(text, options, step, model);
    model.Input("lr").data<float>()[0] = static_cast<float>(LearningRate(options, step));
    model.Input("step").data<float>()[0] = static_cast<float>(step + 1);
    std::vector<HostTensor> before;
    for (const size_t i : model.parameters) before.push_back(model.inputs[i].Clone());
    STRATA_ASSIGN_OR_RETURN(const auto outputs, evaluator.Evaluate(model.graph, model.inputs));
    run.losses.push_back(outputs[0].ToDoubles()[0]);
    if (step == 0) run.gradient = FirstGradient(model);
    STRATA_ASSIGN_OR_RETURN(const double unchanged, KeepWeights(options, step, before, model));
    run.unchanged.push_back(unchanged);
  }
  return run;
}

}  // namespace strata::courses
