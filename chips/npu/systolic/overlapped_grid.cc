#include "chips/npu/systolic/overlapped_grid.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::chips::systolic {
namespace {

struct Operand {
  bool valid = false;
  int64_t value = 0;
  int64_t time = 0;
  int64_t fold = -1;
};

// What waits in a spare register: an operand for `row`, or a sum of `row` on its way out.
struct Spare {
  bool full = false;
  int64_t value = 0;
  int64_t row = 0;
  int64_t fold = -1;
};

// Where a fold lies in the product; folds go down the columns first.
struct FoldPlace {
  FoldPlace(int64_t fold, int64_t row_folds, const ArrayShape& array)
      : row0(fold % row_folds * array.rows), column0(fold / row_folds * array.columns) {}
  int64_t row0, column0;
};

class StationaryGrid {
 public:
  StationaryGrid(const ArrayShape& array, const IntMatrix& still, const IntMatrix& stream)
      : array_(array),
        still_(still),
        stream_(stream),
        row_folds_((still.rows - 1) / array.rows + 1),
        folds_(row_folds_ * ((still.columns - 1) / array.columns + 1)),
        out_(stream.rows, still.columns),
        loaded_(static_cast<size_t>(array.columns)),
        weight_(static_cast<size_t>(array.Pes())),
        fold_of_weight_(weight_.size(), -1),
        spare_(weight_.size()),
        operand_(weight_.size()),
        sum_(weight_.size()) {}

  absl::StatusOr<GridRun> Run() {
    const int64_t all = folds_ * stream_.rows * array_.columns;
    for (int64_t t = 0; left_ < all; ++t) {
      Enter(t);
      for (int64_t r = array_.rows - 1; r >= 0; --r) {
        for (int64_t c = array_.columns - 1; c >= 0; --c) STRATA_RETURN_IF_ERROR(Step(r, c, t));
      }
      ++cycles_;
    }
    return GridRun{std::move(out_), cycles_ - 1};
  }

 private:
  size_t Index(int64_t r, int64_t c) const { return static_cast<size_t>(r * array_.columns + c); }

  // Starts the next fold when the one before has entered the first PE and the next weight waits there.
  void Enter(int64_t t) {
    const int64_t next = static_cast<int64_t>(starts_.size());
    if (next == folds_ || (next > 0 && t < starts_.back() + stream_.rows)) return;
    if (spare_[0].full && spare_[0].row == 0 && spare_[0].fold == next) starts_.push_back(t);
  }

  Operand Edge(int64_t r, int64_t t) const {
    for (int64_t fold = static_cast<int64_t>(starts_.size()) - 1; fold >= 0; --fold) {
      const int64_t time = t - r - starts_[static_cast<size_t>(fold)];
      if (time < 0) continue;
      if (time >= stream_.rows) return {};
      const FoldPlace place(fold, row_folds_, array_);
      return {true, stream_.Padded(time, place.row0 + r), time, fold};
    }
    return {};
  }

  // One PE, one cycle: first its product, then its spare register, which the PE below has emptied before
  // (PEs are visited from the foot upwards).
  absl::Status Step(int64_t r, int64_t c, int64_t t) {
    const size_t pe = Index(r, c);
    const Operand operand = c == 0 ? Edge(r, t) : operand_[Index(r, c - 1)];
    if (operand.valid && operand.fold != fold_of_weight_[pe]) {
      if (!spare_[pe].full || spare_[pe].row != r || spare_[pe].fold != operand.fold) {
        return absl::InternalError(absl::StrCat("cycle ", t, ": PE (", r, ", ", c,
                                                ") has no operand of fold ", operand.fold, " yet"));
      }
      weight_[pe] = spare_[pe].value;
      fold_of_weight_[pe] = operand.fold;
      spare_[pe].full = false;
    }
    const int64_t above = r == 0 ? 0 : sum_[Index(r - 1, c)];
    operand_[pe] = operand;
    sum_[pe] = above + weight_[pe] * operand.value;
    if (operand.valid && r == array_.rows - 1) Leave(operand, c);
    FillSpare(r, c);
    return absl::OkStatus();
  }

  void FillSpare(int64_t r, int64_t c) {
    Spare& spare = spare_[Index(r, c)];
    if (spare.full) return;
    if (r == 0) {
      LoadTop(c, &spare);
    } else if (Spare& upper = spare_[Index(r - 1, c)]; upper.full && upper.row >= r) {
      spare = upper;
      upper.full = false;
    }
  }

  // The last row's operand first.
  void LoadTop(int64_t c, Spare* spare) {
    int64_t& loaded = loaded_[static_cast<size_t>(c)];
    const int64_t fold = loaded / array_.rows;
    if (fold == folds_) return;
    const int64_t row = array_.rows - 1 - loaded % array_.rows;
    const FoldPlace place(fold, row_folds_, array_);
    *spare = {true, still_.Padded(place.row0 + row, place.column0 + c), row, fold};
    ++loaded;
  }

  void Leave(const Operand& operand, int64_t c) {
    ++left_;
    const int64_t column = FoldPlace(operand.fold, row_folds_, array_).column0 + c;
    if (column < out_.columns) out_.At(operand.time, column) += sum_[Index(array_.rows - 1, c)];
  }

  const ArrayShape array_;
  const IntMatrix& still_;
  const IntMatrix& stream_;
  const int64_t row_folds_, folds_;
  IntMatrix out_;
  std::vector<int64_t> starts_;  // cycle in which each fold entered PE (0, 0)
  std::vector<int64_t> loaded_;  // operands that have entered each column's spare registers
  std::vector<int64_t> weight_, fold_of_weight_;
  std::vector<Spare> spare_;
  std::vector<Operand> operand_;
  std::vector<int64_t> sum_;
  int64_t left_ = 0;
  int64_t cycles_ = 0;
};

class OutputGrid {
 public:
  OutputGrid(const ArrayShape& array, const IntMatrix& a, const IntMatrix& b, int64_t interval)
      : array_(array),
        a_(a),
        b_(b),
        interval_(interval),
        row_folds_((a.rows - 1) / array.rows + 1),
        folds_(row_folds_ * ((b.columns - 1) / array.columns + 1)),
        out_(a.rows, b.columns),
        from_left_(static_cast<size_t>(array.Pes())),
        from_above_(from_left_.size()),
        spare_(from_left_.size()),
        sum_(from_left_.size()) {}

  absl::StatusOr<GridRun> Run() {
    for (int64_t t = 0; left_ < folds_ * array_.Pes(); ++t) {
      for (int64_t r = array_.rows - 1; r >= 0; --r) {
        for (int64_t c = array_.columns - 1; c >= 0; --c) STRATA_RETURN_IF_ERROR(Step(r, c, t));
      }
      ++cycles_;
    }
    return GridRun{std::move(out_), cycles_ - 1};
  }

 private:
  size_t Index(int64_t r, int64_t c) const { return static_cast<size_t>(r * array_.columns + c); }

  // The operand that enters a row or column `skew` cycles late.
  Operand Edge(int64_t t, int64_t skew, bool left) const {
    if (t < skew || (t - skew) % interval_ >= a_.columns) return {};
    const int64_t fold = (t - skew) / interval_, time = (t - skew) % interval_;
    if (fold >= folds_) return {};
    const FoldPlace place(fold, row_folds_, array_);
    const int64_t value =
        left ? a_.Padded(place.row0 + skew, time) : b_.Padded(time, place.column0 + skew);
    return {true, value, time, fold};
  }

  absl::Status Step(int64_t r, int64_t c, int64_t t) {
    const size_t pe = Index(r, c);
    const Operand a = c == 0 ? Edge(t, r, true) : from_left_[Index(r, c - 1)];
    const Operand b = r == 0 ? Edge(t, c, false) : from_above_[Index(r - 1, c)];
    from_left_[pe] = a;
    from_above_[pe] = b;
    if (r == array_.rows - 1) Leave(c);
    if (!a.valid) {
      TakeFromAbove(r, c);
      return absl::OkStatus();
    }
    sum_[pe] = (a.time == 0 ? 0 : sum_[pe]) + a.value * b.value;
    if (a.time < a_.columns - 1) {
      TakeFromAbove(r, c);
      return absl::OkStatus();
    }
    if (spare_[pe].full) {
      return absl::InternalError(absl::StrCat("cycle ", t, ": the sum of PE (", r, ", ", c,
                                              ") of fold ", a.fold, " finds its register taken"));
    }
    spare_[pe] = {true, sum_[pe], r, a.fold};
    return absl::OkStatus();
  }

  void Leave(int64_t c) {
    Spare& foot = spare_[Index(array_.rows - 1, c)];
    if (!foot.full) return;
    foot.full = false;
    ++left_;
    const FoldPlace place(foot.fold, row_folds_, array_);
    const int64_t row = place.row0 + foot.row, column = place.column0 + c;
    if (row < out_.rows && column < out_.columns) out_.At(row, column) = foot.value;
  }

  void TakeFromAbove(int64_t r, int64_t c) {
    if (r == 0 || spare_[Index(r, c)].full) return;
    Spare& upper = spare_[Index(r - 1, c)];
    if (!upper.full) return;
    spare_[Index(r, c)] = upper;
    upper.full = false;
  }

  const ArrayShape array_;
  const IntMatrix& a_;
  const IntMatrix& b_;
  const int64_t interval_;
  const int64_t row_folds_, folds_;
  IntMatrix out_;
  std::vector<Operand> from_left_, from_above_;
  std::vector<Spare> spare_;
  std::vector<int64_t> sum_;
  int64_t left_ = 0;
  int64_t cycles_ = 0;
};

}  // namespace

absl::StatusOr<GridRun> RunOverlapped(const IntMatrix& a, const IntMatrix& b,
                                      const ArrayShape& array, Dataflow dataflow,
                                      int64_t interval) {
  STRATA_RETURN_IF_ERROR(CheckGrid(a, b, array));
  if (dataflow == Dataflow::kOutputStationary) {
    if (interval < a.columns) {
      return absl::InvalidArgumentError(absl::StrCat(
          "interval: ", interval, " is below K = ", a.columns, ", the operands of a fold"));
    }
    return OutputGrid(array, a, b, interval).Run();
  }
  if (dataflow == Dataflow::kWeightStationary) return StationaryGrid(array, b, a).Run();
  const IntMatrix still = a.Transposed(), stream = b.Transposed();
  STRATA_ASSIGN_OR_RETURN(GridRun run, StationaryGrid(array, still, stream).Run());
  return GridRun{run.product.Transposed(), run.cycles};
}

}  // namespace strata::chips::systolic
