#include "compiler/loop/lower.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/loop/collapse.h"
#include "compiler/loop/index_map.h"
#include "framework/graph/attributes.h"
#include "framework/graph/types.h"

namespace strata::compiler::loop {
namespace {

using graph::AttributeReader;
using graph::Node;
using Dims = std::vector<int64_t>;

constexpr int kMaxAttempts = 24;
constexpr size_t kMaxPieces = 16;

int64_t Product(const Dims& dims) {
  int64_t n = 1;
  for (int64_t dim : dims) n *= dim;
  return n;
}

// Not an error: the iteration dims have been refined; lower again.
absl::Status Again() { return absl::AbortedError("refined"); }
absl::Status No(absl::string_view why) { return absl::UnimplementedError(why); }

class Lowering {
 public:
  explicit Lowering(const graph::Graph& region) : region_(region) {}

  absl::StatusOr<Computation> Run() {
    STRATA_RETURN_IF_ERROR(ReadValues());
    result_.inputs = region_.inputs_size();
    bool any = false;
    for (const auto& output : region_.outputs()) any = any || Product(dims_[output.value()]) > 0;
    if (!any) return result_;
    STRATA_RETURN_IF_ERROR(ChooseSpace());
    absl::Status status = Again();
    for (int attempt = 0; attempt < kMaxAttempts && absl::IsAborted(status); ++attempt)
      status = Attempt();
    if (absl::IsAborted(status)) return No("its views need too many different iteration spaces");
    STRATA_RETURN_IF_ERROR(status);
    Collapse(&result_);
    return std::move(result_);
  }

 private:
  absl::Status ReadValues() {
    const size_t count = static_cast<size_t>(region_.values_size());
    maker_.assign(count, nullptr);
    input_of_.assign(count, -1);
    for (const graph::Value& value : region_.values()) {
      Dims dims;
      for (const graph::Dim& dim : value.dims()) {
        if (dim.has_symbol())
          return No(absl::StrCat("value '", value.name(), "' has a symbolic dim; bind it first"));
        dims.push_back(dim.size());
      }
      if (!IsSupported(value.dtype())) {
        return No(absl::StrCat("value '", value.name(), "' is ", chips::DTypeName(value.dtype()),
                               "; emitted kernels know f32, bf16, i32 and bool"));
      }
      dims_.push_back(std::move(dims));
    }
    std::set<std::string> ops;
    for (const Node& node : region_.nodes()) {
      if (!IsLowerable(node.op()) || node.outputs_size() != 1) {
        return No(absl::StrCat("op '", node.op(), "' has no element formula"));
      }
      maker_[node.outputs(0)] = &node;
      if (node.op() != "constant") ops.insert(node.op());
    }
    result_.ops.assign(ops.begin(), ops.end());
    for (int i = 0; i < region_.inputs_size(); ++i) {
      const uint32_t id = region_.inputs(i).value();
      input_of_[id] = i;
      result_.buffers.push_back({absl::StrCat("in", i), Type(id), dims_[id]});
    }
    for (int i = 0; i < region_.outputs_size(); ++i) {
      const uint32_t id = region_.outputs(i).value();
      result_.buffers.push_back({absl::StrCat("out", i), Type(id), dims_[id]});
    }
    return absl::OkStatus();
  }

  DType Type(uint32_t id) const { return region_.values(static_cast<int>(id)).dtype(); }

  static std::vector<bool> ReducedAxes(const Node& node, size_t rank) {
    std::vector<bool> reduced(rank, false);
    for (int64_t axis : AttributeReader(node).Ints("axes")) {
      reduced[static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(rank) : axis)] = true;
    }
    return reduced;
  }

  // The iteration dims: those of the widest reduction's operand, or of the widest output.
  absl::Status ChooseSpace() {
    const Node* widest = nullptr;
    for (const Node& node : region_.nodes()) {
      if (!IsReductionOp(node.op())) continue;
      if (widest == nullptr || Product(dims_[node.inputs(0)]) > Product(dims_[widest->inputs(0)]))
        widest = &node;
    }
    if (widest == nullptr) {
      uint32_t base = region_.outputs(0).value();
      for (const auto& output : region_.outputs()) {
        if (Product(dims_[output.value()]) > Product(dims_[base])) base = output.value();
      }
      for (int64_t dim : dims_[base]) {
        if (dim != 1) iteration_.push_back({dim, false, {}});
      }
      result_.kind = Kind::kLoop;
      return absl::OkStatus();
    }
    const Dims& dims = dims_[widest->inputs(0)];
    const std::vector<bool> reduced = ReducedAxes(*widest, dims.size());
    for (size_t d = 0; d < dims.size(); ++d) {
      if (dims[d] != 1) iteration_.push_back({dims[d], reduced[d], {}});
    }
    const bool rows =
        iteration_.empty() || iteration_.back().reduced ||
        std::none_of(iteration_.begin(), iteration_.end(), [](const auto& d) { return d.reduced; });
    result_.kind = rows ? Kind::kRow : Kind::kColumn;
    return absl::OkStatus();
  }

  enum class Which { kAll, kKept, kReduced };
  std::vector<int> Ids(Which which) const {
    std::vector<int> ids;
    for (size_t i = 0; i < iteration_.size(); ++i) {
      if (which == Which::kAll || (which == Which::kReduced) == iteration_[i].reduced)
        ids.push_back(static_cast<int>(i));
    }
    return ids;
  }

  int64_t Count(Which which) const {
    int64_t n = 1;
    for (int id : Ids(which)) n *= iteration_[static_cast<size_t>(id)].extent;
    return n;
  }

  // Splits the dim asked for, or fails with `why`.
  absl::Status SplitOr(const SplitRequest& split, absl::string_view why) {
    if (split.dim < 0) return No(why);
    const size_t at = static_cast<size_t>(split.dim);
    IterationDim major = iteration_[at];
    major.extent /= split.minor;
    major.cuts.clear();
    iteration_[at].extent = split.minor;
    iteration_[at].cuts.clear();
    iteration_.insert(iteration_.begin() + split.dim, major);
    return Again();
  }

  absl::StatusOr<IndexMap> MapOfOutput(uint32_t id) {
    const int64_t count = Product(dims_[id]);
    const bool full = count == Count(Which::kAll);
    if (!full && count != Count(Which::kKept)) {
      return No(absl::StrCat("output [", absl::StrJoin(dims_[id], ", "),
                             "] does not share the iteration space"));
    }
    SplitRequest split;
    std::optional<IndexMap> map =
        Deal(dims_[id], Ids(full ? Which::kAll : Which::kKept), iteration_, &split);
    if (!map) return SplitOr(split, "its outputs are not views of one iteration space");
    return *std::move(map);
  }

  // Lowers everything once; ABORTED when the iteration dims were refined on the way.
  absl::Status Attempt() {
    result_.exprs.clear();
    result_.reductions.clear();
    result_.pieces.clear();
    known_.clear();
    STRATA_RETURN_IF_ERROR(MakePieces());
    for (Piece& piece : result_.pieces) {
      memo_.clear();
      piece_ = &piece;
      for (int i = 0; i < region_.outputs_size(); ++i) {
        const uint32_t id = region_.outputs(i).value();
        if (Product(dims_[id]) == 0) continue;
        STRATA_ASSIGN_OR_RETURN(const IndexMap map, MapOfOutput(id));
        STRATA_ASSIGN_OR_RETURN(const int expr, Eval(id, map));
        piece.stores.push_back({AccessOf(result_.inputs + i, dims_[id], map), expr});
      }
    }
    if (result_.kind != Kind::kLoop && result_.pieces.size() > 1) {
      return No("pad and concat inside a reduction's kernel");
    }
    result_.dims.clear();
    result_.reduced.clear();
    for (const IterationDim& dim : iteration_) {
      result_.dims.push_back(dim.extent);
      result_.reduced.push_back(dim.reduced);
    }
    return absl::OkStatus();
  }

  // All boxes between the cuts.
  absl::Status MakePieces() {
    result_.pieces.assign(1, Piece{});
    for (const IterationDim& dim : iteration_) {
      std::vector<Piece> finer;
      for (const Piece& piece : result_.pieces) {
        int64_t lo = 0;
        for (size_t c = 0; c <= dim.cuts.size(); ++c) {
          const int64_t hi = c < dim.cuts.size() ? dim.cuts[c] : dim.extent;
          finer.push_back(piece);
          finer.back().lo.push_back(lo);
          finer.back().hi.push_back(hi);
          lo = hi;
        }
      }
      result_.pieces = std::move(finer);
      if (result_.pieces.size() > kMaxPieces)
        return No("pad and concat cut the iteration space too often");
    }
    return absl::OkStatus();
  }

  Access AccessOf(int buffer, const Dims& dims, const IndexMap& map) const {
    Access access{buffer, Dims(iteration_.size(), 0), 0};
    int64_t stride = 1;
    for (size_t d = dims.size(); d-- > 0;) {
      access.offset += map[d].offset * stride;
      int64_t inner = stride;
      for (size_t a = map[d].atoms.size(); a-- > 0;) {
        const size_t atom = static_cast<size_t>(map[d].atoms[a]);
        access.strides[atom] += inner;
        inner *= iteration_[atom].extent;
      }
      stride *= dims[d];
    }
    return access;
  }

  // ---- expressions

  int Add(Expr expr) {
    std::string key =
        absl::StrCat(static_cast<int>(expr.kind), ",", static_cast<int>(expr.dtype), ",", expr.op,
                     ",", expr.reduction, ",", expr.access.buffer, ",", expr.access.offset);
    for (int arg : expr.args) absl::StrAppend(&key, "a", arg);
    for (int64_t stride : expr.access.strides) absl::StrAppend(&key, "s", stride);
    if (expr.kind == Expr::Kind::kConstant) {
      key.append(reinterpret_cast<const char*>(&expr.value), sizeof(expr.value));
    }
    auto [it, inserted] =
        known_.try_emplace(std::move(key), static_cast<int>(result_.exprs.size()));
    if (inserted) result_.exprs.push_back(std::move(expr));
    return it->second;
  }

  int Apply(const std::string& op, DType dtype, std::vector<int> args) {
    Expr expr;
    expr.op = op;
    expr.dtype = dtype;
    expr.args = std::move(args);
    return Add(std::move(expr));
  }

  int Constant(double value, DType dtype) {
    Expr expr;
    expr.kind = Expr::Kind::kConstant;
    expr.dtype = dtype;
    expr.value = dtype == chips::F32 || dtype == chips::BF16
                     ? static_cast<double>(static_cast<float>(value))
                     : value;
    return Add(std::move(expr));
  }

  // Floats of a bf16 value live as f32 in registers; each result is rounded to what memory would hold.
  int Rounded(int expr, DType dtype) {
    return dtype == chips::BF16 ? Apply("round_bf16", chips::BF16, {expr}) : expr;
  }

  int Load(int buffer, const Dims& dims, const IndexMap& map) {
    Expr expr;
    expr.kind = Expr::Kind::kLoad;
    expr.dtype = result_.buffers[static_cast<size_t>(buffer)].dtype;
    expr.access = AccessOf(buffer, dims, map);
    return Add(std::move(expr));
  }

  absl::StatusOr<int> Eval(uint32_t id, const IndexMap& map) {
    Dims key;
    key.push_back(id);
    for (const DimIndex& index : map) {
      key.push_back(index.offset);
      key.push_back(~static_cast<int64_t>(index.atoms.size()));
      key.insert(key.end(), index.atoms.begin(), index.atoms.end());
    }
    auto it = memo_.find(key);
    if (it != memo_.end()) return it->second;
    STRATA_ASSIGN_OR_RETURN(const int expr, EvalNew(id, map));
    memo_.emplace(std::move(key), expr);
    return expr;
  }

  absl::StatusOr<int> EvalNew(uint32_t id, const IndexMap& map) {
    if (input_of_[id] >= 0) return Load(input_of_[id], dims_[id], map);
    const Node& node = *maker_[id];
    if (IsReductionOp(node.op())) return EvalReduction(node, map);
    if (IsElementwiseOp(node.op())) return EvalElementwise(node, map);
    if (IsSourceOp(node.op())) return EvalSource(node, map);
    return EvalMovement(node, map);
  }

  IndexMap BroadcastMap(const IndexMap& map, uint32_t operand) const {
    const Dims& dims = dims_[operand];
    IndexMap result(dims.size());
    for (size_t d = 0; d < dims.size(); ++d) {
      if (dims[d] != 1) result[d] = map[map.size() - dims.size() + d];
    }
    return result;
  }

  absl::StatusOr<int> EvalElementwise(const Node& node, const IndexMap& map) {
    const DType dtype = Type(node.outputs(0));
    std::vector<int> args;
    for (uint32_t operand : node.inputs()) {
      STRATA_ASSIGN_OR_RETURN(const int arg, Eval(operand, BroadcastMap(map, operand)));
      args.push_back(arg);
    }
    if (node.op() == "div" && !chips::IsFloat(dtype))
      return No("integer division (it must report a zero divisor)");
    if (node.op() == "pow") return EvalPower(dtype, args);
    if (node.op() == "cast") {
      const DType from = Type(node.inputs(0));
      if (from == dtype || (from == chips::BF16 && dtype == chips::F32)) return args[0];
      if (chips::IsFloat(from) && dtype == chips::BF16) return Rounded(args[0], dtype);
    }
    if (node.op() == "add") {  // pads that meet: one of them is zero in every piece
      if (IsZero(args[0])) return args[1];
      if (IsZero(args[1])) return args[0];
    }
    return Rounded(Apply(node.op(), dtype, args), dtype);
  }

  bool IsZero(int expr) const {
    const Expr& e = result_.exprs[static_cast<size_t>(expr)];
    return e.kind == Expr::Kind::kConstant && e.value == 0;
  }

  absl::StatusOr<int> EvalPower(DType dtype, const std::vector<int>& args) {
    if (!chips::IsFloat(dtype)) return No("integer power");
    const Expr exponent = result_.exprs[static_cast<size_t>(args[1])];
    const int x = args[0];
    int y = -1;
    if (exponent.kind == Expr::Kind::kConstant) {
      if (exponent.value == 1) y = x;
      if (exponent.value == 2) y = Apply("square", dtype, {x});
      if (exponent.value == 3) y = Apply("mul", dtype, {Apply("square", dtype, {x}), x});
      if (exponent.value == -1) y = Apply("reciprocal", dtype, {x});
    }
    return Rounded(y >= 0 ? y : Apply("pow", dtype, args), dtype);
  }

  absl::StatusOr<int> EvalSource(const Node& node, const IndexMap& map) {
    const AttributeReader attributes(node);
    const DType dtype = Type(node.outputs(0));
    if (node.op() == "constant") return Rounded(Constant(attributes.Float("value"), dtype), dtype);
    const int64_t rank = static_cast<int64_t>(map.size());
    const int64_t axis = attributes.Int("axis");
    const DimIndex& index = map[static_cast<size_t>(axis < 0 ? axis + rank : axis)];
    Expr expr;
    expr.kind = Expr::Kind::kIndex;
    expr.dtype = chips::I32;
    expr.access = AccessOf(
        -1, {dims_[node.outputs(0)][static_cast<size_t>(axis < 0 ? axis + rank : axis)]}, {index});
    const int number = Add(std::move(expr));
    return dtype == chips::I32 ? number : Rounded(Apply("cast", dtype, {number}), dtype);
  }

  absl::StatusOr<int> EvalReduction(const Node& node, const IndexMap& map) {
    const uint32_t operand = node.inputs(0);
    const Dims& dims = dims_[operand];
    const DType dtype = Type(node.outputs(0));
    if (!chips::IsFloat(dtype)) return No(absl::StrCat(node.op(), " of ", chips::DTypeName(dtype)));
    const std::vector<bool> reduced = ReducedAxes(node, dims.size());
    const bool keep_dims = AttributeReader(node).Bool("keep_dims");

    IndexMap operand_map(dims.size());
    std::vector<int> kept_atoms;
    Dims reduced_dims;
    size_t next = 0;
    for (size_t d = 0; d < dims.size(); ++d) {
      if (reduced[d]) {
        reduced_dims.push_back(dims[d]);
        if (keep_dims) ++next;
        continue;
      }
      operand_map[d] = map[next++];
      if (dims[d] == 1) continue;
      if (!IsFull(operand_map[d], dims[d], iteration_))
        return No("part of a reduction's result is used");
      kept_atoms.insert(kept_atoms.end(), operand_map[d].atoms.begin(), operand_map[d].atoms.end());
    }
    if (kept_atoms != Ids(Which::kKept))
      return No("a reduction's result is used at another place than its own row");
    SplitRequest split;
    std::optional<IndexMap> dealt = Deal(reduced_dims, Ids(Which::kReduced), iteration_, &split);
    if (!dealt) return SplitOr(split, "reductions over different elements");
    next = 0;
    for (size_t d = 0; d < dims.size(); ++d) {
      if (reduced[d]) operand_map[d] = (*dealt)[next++];
    }
    STRATA_ASSIGN_OR_RETURN(const int expr, Eval(operand, operand_map));

    int index = -1;
    for (size_t r = 0; r < result_.reductions.size(); ++r) {
      if (result_.reductions[r].op == node.op() && result_.reductions[r].expr == expr)
        index = static_cast<int>(r);
    }
    if (index < 0) {
      index = static_cast<int>(result_.reductions.size());
      result_.reductions.push_back({node.op(), expr, Product(reduced_dims)});
    }
    Expr value;
    value.kind = Expr::Kind::kReduction;
    value.dtype = chips::F32;
    value.reduction = index;
    return Rounded(Add(std::move(value)), dtype);
  }

  // ---- movement: index arithmetic only

  absl::StatusOr<int> EvalMovement(const Node& node, const IndexMap& map) {
    const AttributeReader attributes(node);
    const uint32_t x = node.inputs(0);
    if (node.op() == "broadcast_to") return Eval(x, BroadcastMap(map, x));
    if (node.op() == "reshape") return EvalReshape(node, map);
    if (node.op() == "transpose") {
      const Dims permutation = attributes.Ints("permutation");
      IndexMap from(map.size());
      for (size_t d = 0; d < map.size(); ++d) from[static_cast<size_t>(permutation[d])] = map[d];
      return Eval(x, from);
    }
    int64_t axis = attributes.Int("axis");
    if (axis < 0) axis += static_cast<int64_t>(map.size());
    const size_t at = static_cast<size_t>(axis);
    if (node.op() == "slice") {
      IndexMap from = map;
      from[at].offset += attributes.Int("start");
      return Eval(x, from);
    }
    // pad and concat: which operand (or the zeros) this piece of the iteration space reads.
    int64_t start = node.op() == "pad" ? attributes.Int("before") : 0;
    for (uint32_t operand : node.inputs()) {
      STRATA_ASSIGN_OR_RETURN(const bool inside,
                              IsInside(map[at], start, start + dims_[operand][at]));
      if (inside) {
        IndexMap from = map;
        from[at].offset -= start;
        if (dims_[operand][at] == 1) from[at] = {};
        return Eval(operand, from);
      }
      start += dims_[operand][at];
    }
    return Constant(0.0, Type(node.outputs(0)));
  }

  // Whether an index lies in [begin, end) all over this piece; asks for a cut when only a part of it does.
  absl::StatusOr<bool> IsInside(const DimIndex& index, int64_t begin, int64_t end) {
    if (begin == end) return false;
    if (index.atoms.empty()) return index.offset >= begin && index.offset < end;
    int64_t minor = 1;
    for (size_t a = 1; a < index.atoms.size(); ++a) {
      minor *= iteration_[static_cast<size_t>(index.atoms[a])].extent;
      if (!iteration_[static_cast<size_t>(index.atoms[a])].cuts.empty()) return No("nested cuts");
    }
    const size_t dim = static_cast<size_t>(index.atoms[0]);
    const int64_t lo = piece_->lo[dim] * minor + index.offset,
                  hi = piece_->hi[dim] * minor + index.offset;
    for (int64_t border : {begin, end}) {
      if (border <= lo || border >= hi) continue;
      if ((border - index.offset) % minor != 0)
        return No("a pad or concat border inside a regrouped dim");
      std::vector<int64_t>& cuts = iteration_[dim].cuts;
      cuts.push_back((border - index.offset) / minor);
      std::sort(cuts.begin(), cuts.end());
      return Again();
    }
    return lo >= begin && hi <= end;
  }

  absl::StatusOr<int> EvalReshape(const Node& node, const IndexMap& map) {
    // Memory has no shape: a reshaped operand is the same operand read under the new dims.
    uint32_t x = node.inputs(0);
    while (input_of_[x] < 0 && maker_[x]->op() == "reshape") x = maker_[x]->inputs(0);
    const Dims& to = dims_[node.outputs(0)];
    if (input_of_[x] >= 0) return Load(input_of_[x], to, map);
    SplitRequest split;
    std::optional<IndexMap> from = ThroughReshape(dims_[x], to, map, iteration_, &split);
    if (!from) return SplitOr(split, "a reshape of a part of a value");
    return Eval(x, *from);
  }

  const graph::Graph& region_;
  std::vector<Dims> dims_;
  std::vector<const Node*> maker_;
  std::vector<int> input_of_;
  IterationDims iteration_;
  Computation result_;
  const Piece* piece_ = nullptr;
  std::map<Dims, int> memo_;  // (value, map) -> expr, within a piece
  std::unordered_map<std::string, int> known_;
};

}  // namespace

absl::StatusOr<Computation> Lower(const graph::Graph& region) { return Lowering(region).Run(); }

}  // namespace strata::compiler::loop
