#include "compiler/gemm/emit.h"

#include <xxhash.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "compiler/codegen/isa.h"

namespace strata::compiler {
namespace {

constexpr char kCommon[] =
#include "compiler/gemm/text/common.inc"
    ;
constexpr char kPackAlong[] =
#include "compiler/gemm/text/pack_along.inc"
    ;
constexpr char kPackAcross[] =
#include "compiler/gemm/text/pack_across.inc"
    ;
constexpr char kTile[] =
#include "compiler/gemm/text/tile.inc"
    ;
constexpr char kMultiply[] =
#include "compiler/gemm/text/multiply.inc"
    ;

// Stands for the entry's name while the text is hashed.
constexpr char kEntry[] = "GEMM_ENTRY";

constexpr int64_t kPanelsTogether = 4;  // copied side by side
constexpr int64_t kRowsAhead = 8;       // asked for before they are copied
// Of a tile, between two requests for memory that is needed later.
constexpr int64_t kPartWords = 16;
constexpr int64_t kMaxPartWords = 64;
constexpr int64_t kGrainBytes = 65536;   // of an operand: fewer are not worth a thread
constexpr double kGrainFlops = 1 << 19;  // of tiles: likewise

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

using Texts = std::vector<std::pair<std::string, std::string>>;

std::string Fill(const char* text, const Texts& texts) { return absl::StrReplaceAll(text, texts); }

class Emitter {
 public:
  Emitter(const GemmProblem& problem, const GemmConfig& config)
      : p_(problem),
        c_(config),
        type_(problem.dtype == chips::BF16 ? "bf16" : "f32"),
        element_(problem.dtype == chips::BF16 ? "unsigned short" : "float"),
        words_(PackedA(problem, config).words) {}

  plan::Kernel PackAKernel() const {
    return PackKernel("pack_a", PackAText(absl::StrCat(kEntry, "_panels")), PackedA(p_, c_));
  }
  plan::Kernel PackBKernel() const {
    return PackKernel("pack_b", PackBText(absl::StrCat(kEntry, "_panels"), kPanelsTogether),
                      PackedB(p_, c_));
  }

  plan::Kernel Multiply() const {
    std::string text = c_.pack_b_first ? "" : PackBText(absl::StrCat(kEntry, "_pack_b"), c_.panels);
    if (p_.M >= c_.rows) text += TileText(c_.rows);
    if (p_.M % c_.rows > 0) text += TileText(p_.M % c_.rows);
    const PackedShape b = PackedB(p_, c_);
    const std::string result = p_.result == chips::BF16 ? "unsigned short" : "float";
    text += Fill(kMultiply, {{"$ENTRY", kEntry},
                             {"$M_PANELS", absl::StrCat(PackedA(p_, c_).panels)},
                             {"$WORDS", absl::StrCat(words_)},
                             {"$DEPTH", absl::StrCat(Depth())},
                             {"$PANELS", absl::StrCat(c_.panels)},
                             {"$OUT", result},
                             {"$M", absl::StrCat(p_.M)},
                             {"$N", absl::StrCat(p_.N)},
                             {"$B_DECLARATION", BDeclaration()},
                             {"$B_BLOCK", BBlock()},
                             {"$ROW_LOOPS", absl::StrCat(NextBlock(), RowLoops())}});
    const double flops_a_panel = p_.flops() / static_cast<double>(std::max<int64_t>(b.panels, 1));
    const int64_t grain = static_cast<int64_t>(kGrainFlops / std::max(flops_a_panel, 1.0)) + 1;
    return Finish("", text, b.panels, std::min(grain, std::max<int64_t>(b.panels, 1)));
  }

 private:
  // In words. One block when the sum is short.
  int64_t Depth() const {
    const int64_t depth = p_.dtype == chips::BF16 ? c_.depth / 2 : c_.depth;
    return std::max<int64_t>(1, std::min(depth, words_));
  }

  std::string Title() const {
    return absl::StrCat("// ", GemmName(p_), ": C [", p_.M, ", ", p_.N, "] = A",
                        p_.transpose_a ? "^T" : "", " B", p_.transpose_b ? "^T" : "", ", sums of ",
                        p_.K, " terms. ", GemmConfigText(c_), ".\n");
  }

  // Terms side by side are transposed, columns side by side copied.
  std::string PackText(const std::string& name, bool along, int64_t lines, int64_t width,
                       int64_t stride, int64_t together) const {
    return Fill(along ? kPackAlong : kPackAcross,
                {{"$NAME", name},
                 {"$ELEM", element_},
                 {"$TYPE", type_},
                 {"$LINESL", absl::StrCat(lines, "L")},
                 {"$LINES", absl::StrCat(lines)},
                 {"$TERMSL", absl::StrCat(p_.K, "L")},
                 {"$TERMS", absl::StrCat(p_.K)},
                 {"$WIDTH", absl::StrCat(width)},
                 {"$STRIDE", absl::StrCat(stride)},
                 {"$GROUP", absl::StrCat(std::min<int64_t>(width, 16))},
                 {"$TOGETHER", absl::StrCat(together)},
                 {"$PREFETCH", Prefetch(lines, width)}});
  }

  std::string PackAText(const std::string& name) const {
    return PackText(name, !p_.transpose_a, p_.M, c_.rows, kGemmRowStride, kPanelsTogether);
  }
  std::string PackBText(const std::string& name, int64_t together) const {
    return PackText(name, p_.transpose_b, p_.N, c_.columns(), c_.columns(), together);
  }

  // The cache lines of a panel a few rows on.
  std::string Prefetch(int64_t lines, int64_t width) const {
    std::string text;
    const bool pairs = p_.dtype == chips::BF16;
    const int64_t line = pairs ? 32 : 16;
    for (int row = 0; row < (pairs ? 2 : 1); ++row) {
      for (int64_t g = 0; g < width; g += line) {
        absl::StrAppend(&text, text.empty() ? "" : "\n", "        __builtin_prefetch(columns + (",
                        pairs ? "2 * " : "", "(k + ", kRowsAhead, ")", row > 0 ? " + 1" : "",
                        ") * ", lines, "L + ", g, ", 0, 2);");
      }
    }
    return text;
  }

  std::string TileText(int64_t rows) const {
    return Fill(
        kTile, {{"$NAME", absl::StrCat(kEntry, "_tile", rows)},
                {"$ROWS", absl::StrCat(rows)},
                {"$COLUMNS", absl::StrCat(c_.columns())},
                {"$VECTORS", absl::StrCat(c_.vectors)},
                {"$NL", absl::StrCat(p_.N, "L")},
                {"$PART", absl::StrCat(PartWords())},
                {"$AHEAD_COMMENT",
                 Ahead() ? " Meanwhile, part by part, memory\n// from `ahead` on, `step` apart, is "
                           "asked for: a share of the next block of B."
                         : ""},
                {"$AHEAD_PARAMETERS",
                 Ahead() ? absl::StrCat(", const ", element_, "* ahead, long step") : ""},
                {"$AHEAD_PREFETCH", AheadPrefetch()},
                {"$OUT", p_.result == chips::BF16 ? "unsigned short" : "float"},
                {"$RESULT", p_.result == chips::BF16 ? "bf16" : "f32"},
                {"$TYPE", type_}});
  }

  // ---- The next block of B is asked for while this one is multiplied, a share a tile: tile (i, j) asks for the i-th
  // share of panel j. Terms side by side: some columns, a cache line of each a part. Columns side by side: some rows, one
  // or a few a part.

  bool Ahead() const { return !c_.pack_b_first; }
  int64_t RowPanels() const { return std::max<int64_t>(1, CeilDiv(p_.M, c_.rows)); }

  int64_t PartWords() const {
    if (!Ahead() || p_.transpose_b) return kPartWords;
    return std::clamp(RowPanels() / 8 * 8, kPartWords, kMaxPartWords);
  }
  // Columns a tile, or rows a part; not more than what hides behind the arithmetic.
  int64_t ShareWidth() const {
    const int64_t whole = p_.transpose_b ? c_.columns() : kPartWords;
    return std::min<int64_t>(4, CeilDiv(whole, RowPanels()));
  }
  int64_t HalvesAWord() const { return p_.dtype == chips::BF16 ? 2 : 1; }

  std::string AheadPrefetch() const {
    if (!Ahead()) return "";
    std::string text;
    const auto ask = [&](int64_t offset) {
      absl::StrAppend(&text, "    __builtin_prefetch(ahead + ", offset, "L, 0, 2);\n");
    };
    const int64_t line = 16 * HalvesAWord();
    for (int64_t share = 0; share < ShareWidth(); ++share) {
      if (p_.transpose_b) {
        ask(share * p_.K);
        continue;
      }
      for (int64_t row = 0; row < HalvesAWord(); ++row) {
        for (int64_t g = 0; g < c_.columns(); g += line)
          ask((share * HalvesAWord() + row) * p_.N + g);
      }
    }
    return absl::StrCat(text, "    ahead += step;\n");
  }

  // Defines `next`, where the next block begins, and `step`.
  std::string NextBlock() const {
    if (!Ahead()) return "";
    const int64_t step = p_.transpose_b ? 16 * HalvesAWord() : ShareWidth() * HalvesAWord() * p_.N;
    const std::string word =
        p_.transpose_b ? absl::StrCat(HalvesAWord()) : absl::StrCat(HalvesAWord() * p_.N, "L");
    const std::string panel = absl::StrCat(c_.columns() * (p_.transpose_b ? p_.K : 1), "L");
    return absl::StrCat("      const int same = to < ", words_,
                        ", more = same || last < end;  // another block\n", "      const ",
                        element_, "* next = same ? b + q * ", panel, " + to * ", word,
                        " : more ? b + last * ", panel, " : b;\n",
                        "      const long step = more ? ", step, " : 0;\n");
  }

  // Of tile (i, j): the expression of its `ahead` and `step`.
  std::string AheadArguments(const std::string& i) const {
    if (!Ahead()) return "";
    const int64_t panel = c_.columns() * (p_.transpose_b ? p_.K : 1);
    const int64_t rows = CeilDiv(Depth(), RowPanels());
    const int64_t share = p_.transpose_b ? ShareWidth() * p_.K : rows * HalvesAWord() * p_.N;
    const int64_t shares = p_.transpose_b ? CeilDiv(c_.columns(), ShareWidth()) : RowPanels();
    return absl::StrCat(", next + (j - q) * ", panel, "L + ", i, " % ", shares, " * ", share,
                        "L, step");
  }

  std::string BDeclaration() const {
    const PackedShape b = PackedB(p_, c_);
    if (c_.pack_b_first) {
      return absl::StrCat("const float* b = (const float*)buffers[1];  // [", b.panels, "][",
                          words_, "][", c_.columns(), "], of columns of B");
    }
    return absl::StrCat("const ", element_, "* b = (const ", element_, "*)buffers[1];  // [",
                        p_.transpose_b ? p_.N : p_.K, "][", p_.transpose_b ? p_.K : p_.N, "]\n",
                        "  float block[", c_.panels * Depth() * c_.columns(),
                        "] __attribute__((aligned(64)));  // [", c_.panels, "][", Depth(), "][",
                        c_.columns(), "]");
  }

  // Defines `panels`, where the block lies.
  std::string BBlock() const {
    if (c_.pack_b_first)
      return absl::StrCat("const float* panels = b + (q * ", words_, " + from) * ", c_.columns(),
                          ";");
    return absl::StrCat(kEntry, "_pack_b(b, block, ", Depth() * c_.columns(),
                        ", q, last, from, to);\n      const float* panels = block;");
  }

  std::string RowLoops() const {
    const int64_t apart = (c_.pack_b_first ? words_ : Depth()) * c_.columns();
    const int64_t whole = p_.M / c_.rows, rest = p_.M % c_.rows;
    const auto tiles = [&](const std::string& indent, const std::string& panel, int64_t rows) {
      return absl::StrCat(indent, "const float* rows = a + (", panel, " * ", words_,
                          "L + from) * 16;\n", indent, "for (long j = q; j < last; ++j) {\n",
                          indent, "  ", kEntry, "_tile", rows, "(rows, panels + (j - q) * ", apart,
                          "L, c + ", panel, " * ", c_.rows * p_.N, "L + j * ", c_.columns(),
                          ", to - from, from > 0, ", p_.N, " - j * ", c_.columns(),
                          AheadArguments(panel), ");\n", indent, "}\n");
    };
    std::string text;
    if (whole > 0) {
      absl::StrAppend(&text, "      for (long i = 0; i < ", whole, "; ++i) {\n",
                      tiles("        ", "i", c_.rows), "      }\n");
    }
    if (rest > 0) absl::StrAppend(&text, tiles("      ", absl::StrCat(whole), rest));
    return text;
  }

  plan::Kernel PackKernel(const std::string& what, const std::string& pack,
                          const PackedShape& shape) const {
    const int64_t apart = shape.words * shape.width;
    const std::string text = absl::StrCat(
        pack, "KERNEL void ", kEntry, "(void* const* buffers, long begin, long end) {\n  ", kEntry,
        "_panels((const ", element_, "*)buffers[0], (float*)buffers[1] + begin * ", apart, "L, ",
        apart, ", begin, end, 0, ", words_, ");\n}\n");
    return Finish(absl::StrCat(what, "_"), text, shape.panels,
                  kGrainBytes / std::max<int64_t>(4 * apart, 1) + 1);
  }

  plan::Kernel Finish(const std::string& what, const std::string& body, int64_t extent,
                      int64_t grain) const {
    plan::Kernel kernel;
    const std::string text = absl::StrCat(kCommon, "\n", Title(), body);
    kernel.set_entry(
        absl::StrCat("k_gemm_", what, type_, "_", GemmLayout(p_), "_",
                     absl::Hex(XXH64(text.data(), text.size(), 0) >> 16, absl::kZeroPad12)));
    kernel.set_language(plan::C);
    kernel.set_source(absl::StrReplaceAll(text, {{kEntry, kernel.entry()}}));
    kernel.set_loop_nest(absl::StrCat(what, GemmName(p_), ": ", GemmConfigText(c_), "\n"));
    kernel.set_parallel_extent(p_.M == 0 || p_.N == 0 ? 0 : extent);
    kernel.set_grain(grain);
    return kernel;
  }

  const GemmProblem& p_;
  const GemmConfig& c_;
  const std::string type_, element_;
  const int64_t words_;
};

int64_t Words(const GemmProblem& problem) {
  return problem.dtype == chips::BF16 ? CeilDiv(problem.K, 2) : problem.K;
}

}  // namespace

PackedShape PackedA(const GemmProblem& problem, const GemmConfig& config) {
  return {CeilDiv(problem.M, config.rows), Words(problem), kGemmRowStride};
}

PackedShape PackedB(const GemmProblem& problem, const GemmConfig& config) {
  return {CeilDiv(problem.N, config.columns()), Words(problem), config.columns()};
}

absl::StatusOr<EmittedGemm> EmitGemm(const GemmProblem& problem, const GemmConfig& config,
                                     const std::string& isa, const GemmEpilogue& epilogue) {
  STRATA_RETURN_IF_ERROR(CheckGemm(problem));
  STRATA_RETURN_IF_ERROR(CheckGemmConfig(config));
  STRATA_RETURN_IF_ERROR(IsaFlags(isa).status());
  if (problem.result == chips::BF16 && config.depth < problem.K) {
    return absl::InvalidArgumentError(
        absl::StrCat("gemm config: depth: ", config.depth, " is below the ", problem.K,
                     " terms of a sum whose result is bf16: its parts "
                     "would be rounded"));
  }
  if (!epilogue.empty()) return absl::UnimplementedError("products with an epilogue");
  const Emitter emitter(problem, config);
  EmittedGemm gemm;
  gemm.pack_a = emitter.PackAKernel();
  if (config.pack_b_first) gemm.pack_b = emitter.PackBKernel();
  gemm.multiply = emitter.Multiply();
  return gemm;
}

}  // namespace strata::compiler
