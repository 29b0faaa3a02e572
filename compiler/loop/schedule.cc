#include "compiler/loop/schedule.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "compiler/loop/lower.h"

namespace strata::compiler::loop {
namespace {

// Where in the loops a value belongs: before them, in a row, inside serial loop n (1, 2, ...), in the vector loop.
constexpr int kEntry = -1;
constexpr int kRowLevel = 0;
constexpr int kVectorLevel = 1000;

constexpr int64_t kMaxRowBuffer = 8192;    // numbers
constexpr int64_t kMaxRowBuffers = 16384;  // numbers, all slots together
constexpr double kGrainNanoseconds = 4000;

size_t At(int i) { return static_cast<size_t>(i); }

class Scheduler {
 public:
  explicit Scheduler(Computation computation) { nest_.computation = std::move(computation); }

  absl::StatusOr<Nest> Run() {
    if (c_.empty()) return std::move(nest_);
    AddDummyDim();
    ReadDims();
    ReadLevels();
    defined_.assign(c_.exprs.size(), false);
    if (c_.kind == Kind::kRow) ScheduleRows();
    if (c_.kind == Kind::kLoop) ScheduleLoop();
    if (c_.kind == Kind::kColumn) STRATA_RETURN_IF_ERROR(ScheduleColumns());
    nest_.body.insert(nest_.body.begin(), entry_.begin(), entry_.end());
    ChooseGrain();
    return std::move(nest_);
  }

 private:
  // A row kernel always has a dim to reduce over.
  void AddDummyDim() {
    if (c_.kind != Kind::kRow || (!c_.reduced.empty() && c_.reduced.back())) return;
    c_.dims.push_back(1);
    c_.reduced.push_back(true);
    for (Expr& expr : c_.exprs) expr.access.strides.push_back(0);
    for (Piece& piece : c_.pieces) {
      piece.lo.push_back(0);
      piece.hi.push_back(1);
      for (Store& store : piece.stores) store.access.strides.push_back(0);
    }
  }

  void ReadDims() {
    vector_dim_ = static_cast<int>(c_.dims.size()) - 1;
    for (int d = 0; d < vector_dim_; ++d) (c_.reduced[At(d)] ? serial_ : outer_).push_back(d);
  }

  int LevelOf(const Access& access) const {
    int level = kEntry;
    for (size_t d = 0; d < access.strides.size(); ++d) {
      if (access.strides[d] != 0) level = std::max(level, LevelOfDim(static_cast<int>(d)));
    }
    return level;
  }

  int LevelOfDim(int dim) const {
    if (dim == vector_dim_) return kVectorLevel;
    auto it = std::find(serial_.begin(), serial_.end(), dim);
    return it == serial_.end() ? kRowLevel : 1 + static_cast<int>(it - serial_.begin());
  }

  void ReadLevels() {
    for (size_t e = 0; e < c_.exprs.size(); ++e) {
      const Expr& expr = c_.exprs[e];
      int level = kEntry, phase = 0;
      uint64_t dims = 0;
      switch (expr.kind) {
        case Expr::Kind::kLoad:
        case Expr::Kind::kIndex:
          level = LevelOf(expr.access);
          for (size_t d = 0; d < expr.access.strides.size(); ++d) {
            if (expr.access.strides[d] != 0) dims |= uint64_t{1} << d;
          }
          break;
        case Expr::Kind::kConstant:
          break;
        case Expr::Kind::kReduction:
          level = c_.kind == Kind::kColumn ? kVectorLevel : kRowLevel;
          phase = 1 + phase_[At(c_.reductions[At(expr.reduction)].expr)];
          break;
        case Expr::Kind::kApply:
          for (int arg : expr.args) {
            level = std::max(level, level_[At(arg)]);
            phase = std::max(phase, phase_[At(arg)]);
            dims |= dims_of_[At(arg)];
          }
          break;
      }
      level_.push_back(level);
      phase_.push_back(phase);
      dims_of_.push_back(dims);
      nest_.is_vector.push_back(level == kVectorLevel);
    }
  }

  bool IsInline(int expr) const { return c_.exprs[At(expr)].kind == Expr::Kind::kConstant; }

  int StoreLevel(const Store& store) const {
    return std::max(LevelOf(store.access), level_[At(store.expr)]);
  }

  // ---- statements

  static Stmt Make(Stmt::Kind kind, int dim, int64_t lo, int64_t hi, std::vector<Stmt> body) {
    Stmt stmt(kind);
    stmt.dim = dim;
    stmt.lo = lo;
    stmt.hi = hi;
    stmt.body = std::move(body);
    return stmt;
  }
  static Stmt MakeStore(const Store& store) {
    Stmt stmt(Stmt::Kind::kStore);
    stmt.access = store.access;
    stmt.expr = store.expr;
    return stmt;
  }
  static Stmt MakeLet(int expr) {
    Stmt stmt(Stmt::Kind::kLet);
    stmt.expr = expr;
    return stmt;
  }
  static Stmt MakeReduction(Stmt::Kind kind, int reduction, int expr = -1) {
    Stmt stmt(kind);
    stmt.reduction = reduction;
    stmt.expr = expr;
    return stmt;
  }

  // Marks what `expr` needs that is not defined or reloadable yet.
  void Need(int expr, std::set<int>* needed, std::set<int>* reloads) const {
    if (IsInline(expr) || defined_[At(expr)] || needed->count(expr) > 0 || reloads->count(expr) > 0)
      return;
    if (level_[At(expr)] == kVectorLevel && kept_.count(expr) > 0) {
      reloads->insert(expr);
      return;
    }
    needed->insert(expr);
    for (int arg : c_.exprs[At(expr)].args) Need(arg, needed, reloads);
  }

  struct Sinks {
    std::vector<int> reductions;
    std::vector<Store> stores;
    bool empty() const { return reductions.empty() && stores.empty(); }
  };

  // The Lets of one level, in dependency order. Entry-level ones go before all loops.
  void AppendLets(const std::set<int>& needed, int level, std::vector<Stmt>* body) {
    for (int expr : needed) {
      if (level_[At(expr)] != level || c_.exprs[At(expr)].kind == Expr::Kind::kReduction) continue;
      (level == kEntry ? entry_ : *body).push_back(MakeLet(expr));
      if (level <= kRowLevel) defined_[At(expr)] = true;
    }
  }

  // One walk over the serial dims and the vector dim [lo, hi): everything `sinks` needs, its stores and accumulations.
  // Lets of the row level are appended to `body` before the loops.
  void AppendWalk(const Sinks& sinks, const std::vector<int>& serial, int64_t lo, int64_t hi,
                  const std::vector<std::pair<int, int>>& keeps, std::vector<Stmt>* body) {
    std::set<int> needed, reloads;
    for (int reduction : sinks.reductions)
      Need(c_.reductions[At(reduction)].expr, &needed, &reloads);
    for (const Store& store : sinks.stores) Need(store.expr, &needed, &reloads);
    for (const auto& [expr, slot] : keeps) Need(expr, &needed, &reloads);
    AppendLets(needed, kEntry, body);
    AppendLets(needed, kRowLevel, body);

    std::vector<Stmt> inner;
    for (int expr : reloads) {
      Stmt stmt = kept_.at(expr);
      stmt.kind = Stmt::Kind::kReload;
      inner.push_back(stmt);
    }
    AppendLets(needed, kVectorLevel, &inner);
    for (const auto& [expr, slot] : keeps) {
      Stmt stmt(Stmt::Kind::kKeep);
      stmt.expr = expr;
      stmt.slot = slot;
      inner.push_back(stmt);
    }
    for (const Store& store : sinks.stores) inner.push_back(MakeStore(store));
    for (int reduction : sinks.reductions) {
      inner.push_back(
          MakeReduction(Stmt::Kind::kAccumulate, reduction, c_.reductions[At(reduction)].expr));
    }
    std::vector<Stmt> loop = {Make(Stmt::Kind::kVector, vector_dim_, lo, hi, std::move(inner))};
    for (size_t s = serial.size(); s-- > 0;) {
      std::vector<Stmt> lets;
      AppendLets(needed, static_cast<int>(s) + 1, &lets);
      lets.insert(lets.end(), loop.begin(), loop.end());
      loop = {Make(Stmt::Kind::kSerial, serial[s], 0, c_.dims[At(serial[s])], std::move(lets))};
    }
    body->insert(body->end(), loop.begin(), loop.end());
  }

  void AppendScalarStores(const std::vector<Store>& stores, std::vector<Stmt>* body) {
    std::set<int> needed, reloads;
    for (const Store& store : stores) Need(store.expr, &needed, &reloads);
    AppendLets(needed, kEntry, body);
    AppendLets(needed, kRowLevel, body);
    for (const Store& store : stores) body->push_back(MakeStore(store));
  }

  Stmt MakeParallel(std::vector<Stmt> body) {
    Stmt parallel(Stmt::Kind::kParallel);
    parallel.dims = outer_;
    parallel.body = std::move(body);
    nest_.parallel_extent = 1;
    for (int dim : outer_) nest_.parallel_extent *= c_.dims[At(dim)];
    return parallel;
  }

  // ---- kinds

  void ScheduleLoop() {
    if (vector_dim_ < 0) {
      std::vector<Stmt> body;
      AppendScalarStores(c_.pieces[0].stores, &body);
      nest_.body.push_back(MakeParallel(std::move(body)));
      return;
    }
    if (c_.dims.size() == 1) {
      for (const Piece& piece : c_.pieces) {
        if (piece.lo[0] == piece.hi[0]) continue;
        std::vector<Stmt> body;
        AppendWalk({{}, piece.stores}, {}, piece.lo[0], piece.hi[0], {}, &body);
        Stmt strips = Make(Stmt::Kind::kStrips, 0, piece.lo[0], piece.hi[0], std::move(body));
        strips.base = nest_.parallel_extent;
        nest_.parallel_extent += (piece.hi[0] - piece.lo[0] + kLanes - 1) / kLanes;
        nest_.body.push_back(std::move(strips));
      }
      return;
    }
    std::vector<Stmt> body;
    for (const Piece& piece : c_.pieces) {
      std::vector<Stmt> part;
      const std::vector<bool> saved = defined_;
      AppendWalk({{}, piece.stores}, {}, piece.lo[At(vector_dim_)], piece.hi[At(vector_dim_)], {},
                 &part);
      for (int dim : outer_) {
        const int64_t lo = piece.lo[At(dim)], hi = piece.hi[At(dim)];
        if (lo == 0 && hi == c_.dims[At(dim)]) continue;
        part = {Make(Stmt::Kind::kIf, dim, lo, hi, std::move(part))};
      }
      if (c_.pieces.size() > 1) {
        // Row-level names live in the piece's own scope; entry-level ones stay.
        for (size_t e = 0; e < defined_.size(); ++e) {
          if (level_[e] != kEntry) defined_[e] = saved[e];
        }
        if (part.size() != 1 || part[0].kind != Stmt::Kind::kIf) {
          part = {Make(Stmt::Kind::kIf, -1, 0, 0, std::move(part))};  // a bare scope
        }
      }
      body.insert(body.end(), part.begin(), part.end());
    }
    nest_.body.push_back(MakeParallel(std::move(body)));
  }

  void ScheduleRows() {
    const std::vector<Store>& stores = c_.pieces[0].stores;
    int phases = 0;
    for (const Reduction& reduction : c_.reductions)
      phases = std::max(phases, 1 + phase_[At(reduction.expr)]);
    std::vector<Sinks> walks(At(phases) + 1);
    std::vector<Store> row_stores;
    for (size_t r = 0; r < c_.reductions.size(); ++r) {
      walks[At(phase_[At(c_.reductions[r].expr)])].reductions.push_back(static_cast<int>(r));
    }
    for (const Store& store : stores) {
      if (StoreLevel(store) <= kRowLevel) {
        row_stores.push_back(store);
      } else {
        walks[At(phase_[At(store.expr)])].stores.push_back(store);
      }
    }
    std::vector<Stmt> body;
    for (size_t p = 0; p < walks.size(); ++p) {
      if (walks[p].empty()) continue;
      const auto keeps = ChooseKeeps(walks, p);
      for (int reduction : walks[p].reductions)
        body.push_back(MakeReduction(Stmt::Kind::kStart, reduction));
      AppendWalk(walks[p], serial_, 0, c_.dims.back(), keeps, &body);
      for (const auto& [expr, slot] : keeps) {
        Stmt keep(Stmt::Kind::kReload);
        keep.expr = expr;
        keep.slot = slot;
        kept_.emplace(expr, keep);
      }
      KeepStored(walks[p]);
      for (int reduction : walks[p].reductions)
        body.push_back(MakeReduction(Stmt::Kind::kFinish, reduction));
    }
    AppendScalarStores(row_stores, &body);
    nest_.body.push_back(MakeParallel(std::move(body)));
  }

  // Values stored in this walk can be read back by later ones, unless a load is all they are.
  void KeepStored(const Sinks& sinks) {
    for (const Store& store : sinks.stores) {
      const DType dtype = c_.buffers[At(store.access.buffer)].dtype;
      if (dtype != chips::F32 || level_[At(store.expr)] != kVectorLevel ||
          store.access.strides.back() != 1 || kept_.count(store.expr) > 0 ||
          c_.exprs[At(store.expr)].kind == Expr::Kind::kLoad) {
        continue;
      }
      Stmt keep(Stmt::Kind::kReload);
      keep.expr = store.expr;
      keep.access = store.access;
      kept_.emplace(store.expr, keep);
    }
  }

  // What walk p computes, later walks need again, and is dearer to recompute than to keep.
  std::vector<std::pair<int, int>> ChooseKeeps(const std::vector<Sinks>& walks, size_t p) {
    std::vector<std::pair<int, int>> keeps;
    const int64_t columns = c_.dims.back();
    if (!serial_.empty() || columns > kMaxRowBuffer) return keeps;
    std::set<int> now = ClosureOf(walks, p, p + 1), later = ClosureOf(walks, p + 1, walks.size());
    std::set<int> stored;
    for (const Store& store : walks[p].stores) stored.insert(store.expr);
    // The border: needed later by something that this walk does not compute.
    std::set<int> border;
    for (size_t q = p + 1; q < walks.size(); ++q) {
      for (int reduction : walks[q].reductions) border.insert(c_.reductions[At(reduction)].expr);
      for (const Store& store : walks[q].stores) border.insert(store.expr);
    }
    for (int expr : later) {
      if (now.count(expr) > 0) continue;
      for (int arg : c_.exprs[At(expr)].args) border.insert(arg);
    }
    for (int expr : border) {
      if (now.count(expr) == 0 || stored.count(expr) > 0 || level_[At(expr)] != kVectorLevel)
        continue;
      const DType dtype = c_.exprs[At(expr)].dtype;
      if (!chips::IsFloat(dtype) || RecomputeCost(expr, {}) <= 5) continue;
      if ((nest_.slots + 1) * columns > kMaxRowBuffers) break;
      keeps.push_back({expr, nest_.slots++});
    }
    return keeps;
  }

  std::set<int> ClosureOf(const std::vector<Sinks>& walks, size_t begin, size_t end) const {
    std::set<int> needed, reloads;
    for (size_t p = begin; p < end; ++p) {
      for (int reduction : walks[p].reductions)
        Need(c_.reductions[At(reduction)].expr, &needed, &reloads);
      for (const Store& store : walks[p].stores) Need(store.expr, &needed, &reloads);
    }
    return needed;
  }

  // Additions' worth of work to compute a vector value again; a load counts two.
  int RecomputeCost(int expr, std::set<int> seen) const {
    std::vector<int> stack = {expr};
    int cost = 0;
    while (!stack.empty()) {
      const int e = stack.back();
      stack.pop_back();
      if (level_[At(e)] != kVectorLevel || !seen.insert(e).second) continue;
      if (kept_.count(e) > 0 || c_.exprs[At(e)].kind == Expr::Kind::kLoad) {
        cost += 2;
        continue;
      }
      cost += OpCost(c_.exprs[At(e)].op);
      for (int arg : c_.exprs[At(e)].args) stack.push_back(arg);
    }
    return cost;
  }

  absl::Status ScheduleColumns() {
    Sinks walk, finish;
    uint64_t reduced_dims = 0;
    for (size_t d = 0; d < c_.dims.size(); ++d) {
      if (c_.reduced[d]) reduced_dims |= uint64_t{1} << d;
    }
    for (size_t r = 0; r < c_.reductions.size(); ++r) {
      if (phase_[At(c_.reductions[r].expr)] > 0)
        return absl::UnimplementedError("column reductions of each other");
      walk.reductions.push_back(static_cast<int>(r));
    }
    for (const Store& store : c_.pieces[0].stores) {
      const bool full = std::any_of(serial_.begin(), serial_.end(),
                                    [&](int dim) { return store.access.strides[At(dim)] != 0; });
      if (full && phase_[At(store.expr)] > 0) {
        return absl::UnimplementedError("a column reduction's result is used in its own rows");
      }
      if ((dims_of_[At(store.expr)] & reduced_dims) != 0 && phase_[At(store.expr)] > 0) {
        return absl::UnimplementedError("a column reduction's result meets single rows");
      }
      (full ? walk : finish).stores.push_back(store);
    }
    std::vector<Stmt> body;
    const int64_t columns = c_.dims.back();
    for (int reduction : walk.reductions)
      body.push_back(MakeReduction(Stmt::Kind::kStart, reduction));
    AppendWalk(walk, serial_, 0, columns, {}, &body);
    std::vector<Stmt> tail;
    AppendWalk(finish, {}, 0, columns, {}, &tail);
    // Results exist as vectors from the finish on.
    for (Stmt& stmt : tail) {
      if (stmt.kind != Stmt::Kind::kVector) continue;
      std::vector<Stmt> finishes;
      for (int reduction : walk.reductions)
        finishes.push_back(MakeReduction(Stmt::Kind::kFinish, reduction));
      stmt.body.insert(stmt.body.begin(), finishes.begin(), finishes.end());
    }
    body.insert(body.end(), tail.begin(), tail.end());
    if (outer_.empty()) {
      nest_.body.push_back(Make(Stmt::Kind::kStrips, vector_dim_, 0, columns, std::move(body)));
      nest_.parallel_extent = (columns + kLanes - 1) / kLanes;
      return absl::OkStatus();
    }
    if (columns > kMaxColumns)
      return absl::UnimplementedError("a column reduction of very wide rows within outer dims");
    nest_.body.push_back(MakeParallel(std::move(body)));
    return absl::OkStatus();
  }

  // Rough time of one parallel iteration, so that a thread gets at least a few microseconds of work.
  void ChooseGrain() {
    double per_element = 0;
    for (size_t e = 0; e < c_.exprs.size(); ++e) {
      if (level_[e] != kVectorLevel) continue;
      per_element += c_.exprs[e].kind == Expr::Kind::kLoad ? 0.08 : 0.015 * OpCost(c_.exprs[e].op);
    }
    for (const Store& store : c_.pieces[0].stores)
      per_element += StoreLevel(store) == kVectorLevel ? 0.12 : 0;
    double elements = 1;
    for (int64_t dim : c_.dims) elements *= static_cast<double>(dim);
    const double total = elements * std::max(per_element, 0.02);
    const double extent = static_cast<double>(std::max<int64_t>(1, nest_.parallel_extent));
    nest_.grain = std::max<int64_t>(
        1, static_cast<int64_t>(std::ceil(kGrainNanoseconds * extent / std::max(total, 1.0))));
    nest_.grain = std::min(nest_.grain, std::max<int64_t>(1, nest_.parallel_extent));
  }

  Nest nest_;
  Computation& c_ = nest_.computation;
  int vector_dim_ = -1;
  std::vector<int> outer_, serial_;
  std::vector<int> level_, phase_;  // by expr
  std::vector<uint64_t> dims_of_;   // by expr: dims it depends on, reductions not counted
  std::vector<bool> defined_;       // by expr: a row- or entry-level name in scope
  std::map<int, Stmt> kept_;        // by expr: how to read it back
  std::vector<Stmt> entry_;
};

}  // namespace

absl::StatusOr<Nest> Schedule(Computation computation) {
  return Scheduler(std::move(computation)).Run();
}

}  // namespace strata::compiler::loop
