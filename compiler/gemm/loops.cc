#include "compiler/gemm/loops.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/gemm/packed.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler {
namespace {

using schedule::Affine;
using schedule::Buffer;
using schedule::DType;
using schedule::KernelPart;
using schedule::Loop;
using schedule::Node;
using schedule::Program;
using schedule::Scope;
using schedule::Statement;

constexpr int64_t kPanelsTogether = 4;  // copied side by side
constexpr int64_t kRowsAhead = 8;       // asked for before they are copied
// Words of a tile between two requests for memory that is needed later.
constexpr int64_t kPartWords = 16;
constexpr int64_t kMaxPartWords = 64;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Names that the schedule takes; its others are of two letters, or longer than they should be.
const char* const kOwnNames[] = {"Ap", "Bp", "S", "acc", "pair"};

// An epilogue that does not meet those names, nor those of loops.
GemmEpilogue WithFreeNames(GemmEpilogue epilogue) {
  const auto rename = [&](Buffer& buffer) {
    const bool own =
        std::find(std::begin(kOwnNames), std::end(kOwnNames), buffer.name) != std::end(kOwnNames);
    if (!own && buffer.name.size() > 2) return;
    const std::string old = buffer.name;
    buffer.name = absl::StrCat("epilogue_", old);
    schedule::ForEachStatement(&epilogue.nests, [&](Statement& statement) {
      schedule::ForEachAccess(&statement, [&](schedule::Access& access, bool) {
        if (access.buffer == old) access.buffer = buffer.name;
      });
    });
  };
  for (Buffer& buffer : epilogue.inputs) rename(buffer);
  for (Buffer& buffer : epilogue.outputs) rename(buffer);
  return epilogue;
}

// ---- the program

Node Nest(const std::vector<schedule::Dim>& dims, std::vector<Node> body) {
  for (size_t d = dims.size(); d-- > 0;) {
    Loop loop;
    loop.name = dims[d].index;
    loop.dims = {dims[d]};
    loop.body = std::move(body);
    body = {Node::Of(std::move(loop))};
  }
  return std::move(body[0]);
}

Node Assign(const std::string& target, const std::vector<Affine>& index, schedule::Expr value) {
  Statement statement;
  statement.target = {target, index};
  statement.value = std::move(value);
  return Node::Of(std::move(statement));
}

class ProgramWriter {
 public:
  ProgramWriter(const GemmProblem& problem, const GemmEpilogue& epilogue)
      : p_(problem), epilogue_(epilogue) {}

  // C += A B, and nothing else.
  Program Plain() {
    AddBuffers();
    if (p_.K > 0) {
      program_.body.push_back(Product("C"));
      return std::move(program_);
    }
    program_.body.push_back(
        Nest({{"zi", p_.M}, {"zj", p_.N}},
             {Assign("C", {Affine::Index("zi"), Affine::Index("zj")}, schedule::Expr())}));
    Node nothing = Product("C");  // of no iterations; its operands are packed all the same
    schedule::ForEachStatement(&nothing.loop.body, [](Statement& s) { s.first.clear(); });
    program_.body.push_back(std::move(nothing));
    return std::move(program_);
  }

  // S = A B, then what is made of S.
  Program WithSums() {
    AddBuffers();
    program_.buffers.push_back({"S", chips::F32, {p_.M, p_.N}, Scope::kScratch, ""});
    program_.body.push_back(Product("S"));
    const std::vector<Affine> element = {Affine::Index("ei"), Affine::Index("ej")};
    std::vector<Node> body;
    if (epilogue_.keeps_product)
      body.push_back(Assign("C", element, schedule::Expr::Load("S", element)));
    for (Node& node : EpilogueStatements(epilogue_, "ei", "ej", "S"))
      body.push_back(std::move(node));
    program_.body.push_back(Nest({{"ei", p_.M}, {"ej", p_.N}}, std::move(body)));
    return std::move(program_);
  }

 private:
  void AddBuffers() {
    program_.name = absl::StrCat("gemm_", GemmName(p_));
    using Dims = std::vector<int64_t>;
    const Dims a = p_.transpose_a ? Dims{p_.K, p_.M} : Dims{p_.M, p_.K};
    const Dims b = p_.transpose_b ? Dims{p_.N, p_.K} : Dims{p_.K, p_.N};
    program_.buffers = {{"A", p_.dtype, a, Scope::kInput, ""},
                        {"B", p_.dtype, b, Scope::kInput, ""}};
    for (const Buffer& buffer : epilogue_.inputs) program_.buffers.push_back(buffer);
    if (epilogue_.keeps_product)
      program_.buffers.push_back({"C", p_.result, {p_.M, p_.N}, Scope::kOutput, ""});
    for (const Buffer& buffer : epilogue_.outputs) program_.buffers.push_back(buffer);
  }

  Node Product(const std::string& target) const {
    const Affine i = Affine::Index("i"), j = Affine::Index("j"), k = Affine::Index("k");
    using Index = std::vector<Affine>;
    Statement update;
    update.target = {target, {i, j}};
    update.update = schedule::Update::kAdd;
    update.value = schedule::Expr::Apply(
        "mul", {schedule::Expr::Load("A", p_.transpose_a ? Index{k, i} : Index{i, k}),
                schedule::Expr::Load("B", p_.transpose_b ? Index{j, k} : Index{k, j})});
    update.first = {"k"};
    return Nest({{"i", p_.M}, {"j", p_.N}, {"k", p_.K}}, {Node::Of(std::move(update))});
  }

  const GemmProblem& p_;
  const GemmEpilogue& epilogue_;
  Program program_;
};

// ---- the schedule

class ScheduleWriter {
 public:
  ScheduleWriter(const GemmProblem& problem, const GemmConfig& config, const GemmEpilogue& epilogue)
      : p_(problem), c_(config), epilogue_(epilogue), bf16_(problem.dtype == chips::BF16) {
    const int64_t words = PackedA(p_, c_).words;
    const int64_t depth = std::max<int64_t>(1, std::min(bf16_ ? c_.depth / 2 : c_.depth, words));
    is_blocked_ = depth < words;
    depth_ = depth;
  }

  // Of ProgramWriter::Plain().
  std::string Plain() {
    if (p_.K == 0) {
      Step("split i ", c_.rows, " -> ip ii");
      Step("split j ", c_.columns(), " -> jp jj");
      if (bf16_) Step("split k 2 -> kw pair");
      PackOperands("");
      LoopsOfPacking();
      Step("vectorise zj");
      Step("parallel zi");
      return text_;
    }
    Step("split i ", c_.rows, " -> ip ii");
    SplitColumns("j");
    const std::string terms = SplitTerms();
    Step("reorder jb ", is_blocked_ ? "k0 " : "", "ip jp ", terms, " ii jj", bf16_ ? " pair" : "");
    AskAhead();
    PackOperands(is_blocked_ ? "k0" : "jb");
    Step("cache_write C at jp -> acc");
    Multiply();
    Step("prefetch C at jp ahead 0");
    LoopsOfPacking();
    Step("parallel jb", c_.panels > 1 ? " jp" : "");
    return text_;
  }

  // Of ProgramWriter::WithSums(): the product of a tile where its elements are used.
  std::string WithSums() {
    Step("split ei ", c_.rows, " -> ip ii");
    SplitColumns("ej");
    Step("reorder jb ip jp ii jj");
    Step("compute_at S jp");
    const std::string terms = SplitTerms();
    Step("split i ", c_.rows, " -> it ir");
    Step("reorder it ", terms, " ir j", bf16_ ? " pair" : "");
    AskAhead();
    PackOperands("jb");
    Step("cache_write S at it -> acc");
    Multiply();
    if (epilogue_.keeps_product) Step("prefetch C at jp ahead 0");
    for (const Buffer& buffer : epilogue_.outputs) Step("prefetch ", buffer.name, " at jp ahead 0");
    for (const Buffer& buffer : epilogue_.inputs) {
      if (buffer.dims.size() == 2 && IsRead(buffer.name))
        Step("prefetch ", buffer.name, " at jp ahead 0");
    }
    Step("vectorise jj");
    LoopsOfPacking();
    Step("parallel jb", c_.panels > 1 ? " jp" : "");
    return text_;
  }

  // Of ProgramWriter::WithSums(), for threads that share rows: a row of tiles, then what follows, row by row.
  std::string WithSumsByRows() {
    Step("split ei ", c_.rows, " -> ip ii");
    SplitColumns("ej");
    Step("reorder ip jb ii jp jj");
    Step("compute_at S jb");
    const std::string terms = SplitTerms();
    Step("split j ", c_.columns(), " -> jt js");
    Step("reorder jt ", terms, " i js", bf16_ ? " pair" : "");
    PackOperands("jb");
    Step("cache_write S at jt -> acc");
    Multiply();
    Step("vectorise jj");
    LoopsOfPacking();
    Step("parallel ip");
    return text_;
  }

 private:
  template <typename... Parts>
  void Step(const Parts&... parts) {
    absl::StrAppend(&text_, parts..., "\n");
  }

  bool IsRead(const std::string& buffer) const {
    bool read = false;
    schedule::ForEachStatement(epilogue_.nests, [&](const Statement& statement) {
      schedule::ForEachAccess(statement, [&](const schedule::Access& access, bool) {
        read = read || access.buffer == buffer;
      });
    });
    return read;
  }

  // Blocks of panels of columns.
  void SplitColumns(const std::string& loop) {
    Step("split ", loop, " ", c_.panels * c_.columns(), " -> jb jr");
    Step("split jr ", c_.columns(), " -> jp jj");
  }

  // Words of the sum, in blocks if there are several, in parts of a few. Returns the loops that a tile has.
  std::string SplitTerms() {
    std::string loop = "k";
    if (bf16_) {
      Step("split k 2 -> kw pair");
      loop = "kw";
    }
    if (is_blocked_) {
      Step("split ", loop, " ", depth_, " -> k0 kr");
      loop = "kr";
    }
    if (c_.pack_b_first) return terms_ = loop;
    Step("split ", loop, " ", PartWords(), " -> ks kk");
    terms_ = "kk";
    return "ks kk";
  }

  int64_t PartWords() const {
    if (p_.transpose_b) return kPartWords;
    return std::clamp(CeilDiv(p_.M, c_.rows) / 8 * 8, kPartWords, kMaxPartWords);
  }

  void AskAhead() {
    if (c_.pack_b_first) return;
    Step("prefetch B at ks ahead 1 of jb", is_blocked_ ? " k0" : "", " over ip");
  }

  // The copies first, with loops as they come: `pad` looks at them.
  void PackOperands(const std::string& block) {
    Pack("A", p_.transpose_a, c_.rows, absl::StrCat(c_.rows, ":", kGemmRowStride), "root");
    if (c_.pack_b_first || !block.empty()) {
      Pack("B", !p_.transpose_b, c_.columns(), absl::StrCat(c_.columns()),
           c_.pack_b_first ? "root" : block);
    }
  }

  // Panels of `width` lines, a word of each side by side. `across`: the operand has lines side by side; else terms.
  void Pack(const std::string& operand, bool across, int64_t width, const std::string& padded,
            const std::string& at) {
    const std::string line = across ? "d1" : "d0", term = across ? "d0" : "d1";
    Step("pack ", operand, " at ", at, " -> ", operand, "p [", line, "/", width, ", ", term,
         bf16_ ? "/2" : "", ", ", line, "%", padded, bf16_ ? absl::StrCat(", ", term, "%2") : "",
         "]");
  }

  void Multiply() {
    if (bf16_ && p_.K % 2 != 0) Step("pad pair");
    Step("tensorise ", terms_, bf16_ ? " dot_bf16" : " fma");
  }

  void LoopsOfPacking() {
    LoopsOfPacking("A", p_.transpose_a, /*is_kernel=*/true);
    if (c_.pack_b_first || p_.K > 0) LoopsOfPacking("B", !p_.transpose_b, c_.pack_b_first);
  }

  // Lines side by side are copied, some panels at a time; terms side by side are transposed.
  void LoopsOfPacking(const std::string& x, bool across, bool is_kernel) {
    const std::string pair = bf16_ ? absl::StrCat(" ", x, "p_3") : "";
    if (!across) {
      const bool is_wide = x == "B";
      Step("split ", x, "p_1 16 -> ", x, "k ", x, "l");
      if (is_wide) Step("split Bp_2 16 -> Bg Bn");
      const std::string rows = is_wide ? "Bn" : "Ap_2";
      Step("reorder ", x, "k ", is_wide ? "Bg " : "", rows, " ", x, "l", pair);
      Step("tensorise ", rows, " transpose");
      if (is_kernel) Step("parallel ", x, "p_0");
      return;
    }
    if (is_kernel) Step("split ", x, "p_0 ", kPanelsTogether, " -> ", x, "g ", x, "h");
    Step("reorder ", is_kernel ? x + "g " : "", x, "p_1 ", is_kernel ? x + "h " : x + "p_0 ", x,
         "p_2", pair);
    Step(bf16_ ? "tensorise " : "vectorise ", x, "p_2", bf16_ ? " interleave" : "");
    Step("prefetch ", x, " at ", x, "p_1 ahead ", kRowsAhead);
    if (is_kernel) Step("parallel ", x, "g ", x, "h");
  }

  std::string text_;
  const GemmProblem& p_;
  const GemmConfig& c_;
  const GemmEpilogue& epilogue_;
  const bool bf16_;
  bool is_blocked_ = false;
  int64_t depth_ = 1;
  std::string terms_;  // the innermost loop over words
};

std::vector<std::string> NamesOf(const std::vector<Buffer>& buffers) {
  std::vector<std::string> names;
  for (const Buffer& buffer : buffers) names.push_back(buffer.name);
  return names;
}

}  // namespace

absl::StatusOr<GemmLoops> GemmLoopsOf(const GemmProblem& problem, const GemmConfig& config,
                                      const GemmEpilogue& given) {
  STRATA_RETURN_IF_ERROR(CheckEpilogue(problem, given));
  const bool has_sums = !given.empty() || (problem.result == chips::BF16 && problem.K > 0);
  if (!given.empty() && problem.K == 0)
    return absl::UnimplementedError("an epilogue of a product of no terms");
  const GemmEpilogue epilogue = WithFreeNames(given);
  GemmLoops loops;
  ProgramWriter program(problem, epilogue);
  loops.program = has_sums ? program.WithSums() : program.Plain();
  ScheduleWriter schedule(problem, config, epilogue);
  STRATA_ASSIGN_OR_RETURN(loops.schedule,
                          schedule::ParseSchedule(!has_sums        ? schedule.Plain()
                                                  : config.by_rows ? schedule.WithSumsByRows()
                                                                   : schedule.WithSums()));

  const std::string name =
      absl::StrCat(problem.dtype == chips::BF16 ? "bf16_" : "f32_", GemmLayout(problem));
  // Nests: the packing of A, that of B, the product; where there is nothing to sum, zeros come first.
  const int64_t first = problem.K == 0 ? 1 : 0;
  loops.pack_a = {absl::StrCat("k_gemm_pack_a_", name), first, {"A", "Ap"}};
  if (config.pack_b_first)
    loops.pack_b = KernelPart{absl::StrCat("k_gemm_pack_b_", name), first + 1, {"B", "Bp"}};
  loops.multiply = {absl::StrCat("k_gemm_", name), 0, {"Ap", config.pack_b_first ? "Bp" : "B"}};
  if (problem.K > 0) loops.multiply.nest = config.pack_b_first ? 2 : 1;
  std::vector<std::string>& operands = loops.multiply.buffers;
  for (std::string& input : NamesOf(epilogue.inputs)) operands.push_back(std::move(input));
  if (epilogue.keeps_product) operands.push_back("C");
  for (std::string& output : NamesOf(epilogue.outputs)) operands.push_back(std::move(output));
  return loops;
}

}  // namespace strata::compiler
