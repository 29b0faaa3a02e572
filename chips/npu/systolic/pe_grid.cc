#include "chips/npu/systolic/pe_grid.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::chips::systolic {
namespace {

using Operand = GridOperand;

// Holds one operand still: S [K, columns] * stream [T, K]^T, so out [T, columns].
class StationaryGrid {
 public:
  StationaryGrid(const ArrayShape& array, const IntMatrix& still, const IntMatrix& stream,
                 const GridObserver& observe)
      : array_(array),
        still_(still),
        stream_(stream),
        observe_(observe),
        out_(stream.rows, still.columns),
        weight_(static_cast<size_t>(array.Pes())),
        operand_(weight_.size()),
        sum_(weight_.size()) {}

  GridRun Run() {
    for (column0_ = 0; column0_ < still_.columns; column0_ += array_.columns) {
      for (row0_ = 0; row0_ < still_.rows; row0_ += array_.rows) RunFold();
    }
    return {std::move(out_), cycles_ - 1};
  }

 private:
  size_t Index(int64_t r, int64_t c) const { return static_cast<size_t>(r * array_.columns + c); }

  void RunFold() {
    for (int64_t i = 0; i < array_.rows; ++i) LoadStep(array_.rows - 1 - i);
    left_ = 0;
    for (int64_t t = 0; left_ < stream_.rows * array_.columns; ++t) ComputeStep(t);
  }

  // Operands at rest move down one row; `row` of the fold enters above.
  void LoadStep(int64_t row) {
    for (int64_t c = 0; c < array_.columns; ++c) {
      for (int64_t r = array_.rows - 1; r > 0; --r) weight_[Index(r, c)] = weight_[Index(r - 1, c)];
      weight_[Index(0, c)] = still_.Padded(row0_ + row, column0_ + c);
    }
    Show(true);
    ++cycles_;
  }

  // What enters row r in cycle t of the stream.
  Operand Edge(int64_t r, int64_t t) const {
    const int64_t time = t - r;
    if (time < 0 || time >= stream_.rows) return {};
    return {true, stream_.Padded(time, row0_ + r), time};
  }

  // From the far corner back, so that neighbours still hold what they latched a cycle ago.
  void ComputeStep(int64_t t) {
    for (int64_t r = array_.rows - 1; r >= 0; --r) {
      for (int64_t c = array_.columns - 1; c >= 0; --c) {
        const Operand operand = c == 0 ? Edge(r, t) : operand_[Index(r, c - 1)];
        const int64_t above = r == 0 ? 0 : sum_[Index(r - 1, c)];
        operand_[Index(r, c)] = operand;
        sum_[Index(r, c)] = above + weight_[Index(r, c)] * operand.value;
        if (operand.valid && r == array_.rows - 1) Leave(operand.time, c);
      }
    }
    Show(false);
    ++cycles_;
  }

  void Show(bool loads) const {
    if (!observe_) return;
    GridFrame frame = {cycles_, loads, row0_, column0_, {}};
    for (size_t pe = 0; pe < weight_.size(); ++pe) {
      PeState& state = frame.pes.emplace_back();
      state.weight = weight_[pe];
      if (loads) continue;
      state.from_left = operand_[pe];
      state.sum = sum_[pe];
      state.works = operand_[pe].valid;
    }
    observe_(frame);
  }

  void Leave(int64_t time, int64_t c) {
    ++left_;
    if (column0_ + c < out_.columns) {
      out_.At(time, column0_ + c) += sum_[Index(array_.rows - 1, c)];
    }
  }

  const ArrayShape array_;
  const IntMatrix& still_;
  const IntMatrix& stream_;
  const GridObserver& observe_;
  IntMatrix out_;
  std::vector<int64_t> weight_;
  std::vector<Operand> operand_;
  std::vector<int64_t> sum_;
  int64_t row0_ = 0, column0_ = 0;  // of the fold
  int64_t left_ = 0;                // sums that have left the grid in this fold
  int64_t cycles_ = 0;
};

// Holds the sums still.
class OutputGrid {
 public:
  OutputGrid(const ArrayShape& array, const IntMatrix& a, const IntMatrix& b,
             const GridObserver& observe)
      : array_(array), a_(a), b_(b), observe_(observe), out_(a.rows, b.columns) {}

  GridRun Run() {
    for (column0_ = 0; column0_ < b_.columns; column0_ += array_.columns) {
      for (row0_ = 0; row0_ < a_.rows; row0_ += array_.rows) RunFold();
    }
    return {std::move(out_), cycles_ - 1};
  }

 private:
  size_t Index(int64_t r, int64_t c) const { return static_cast<size_t>(r * array_.columns + c); }

  void RunFold() {
    const size_t pes = static_cast<size_t>(array_.Pes());
    from_left_.assign(pes, {});
    from_above_.assign(pes, {});
    sum_.assign(pes, 0);
    works_.assign(pes, false);
    products_ = 0;
    for (int64_t t = 0; products_ < a_.columns * array_.Pes(); ++t) ComputeStep(t);
  }

  Operand Edge(int64_t time, int64_t value) const {
    if (time < 0 || time >= a_.columns) return {};
    return {true, value, time};
  }

  void ComputeStep(int64_t t) {
    for (int64_t r = array_.rows - 1; r >= 0; --r) {
      for (int64_t c = array_.columns - 1; c >= 0; --c) {
        const Operand a = c == 0 ? LeftEdge(r, t - r) : from_left_[Index(r, c - 1)];
        const Operand b = r == 0 ? UpperEdge(c, t - c) : from_above_[Index(r - 1, c)];
        from_left_[Index(r, c)] = a;
        from_above_[Index(r, c)] = b;
        works_[Index(r, c)] = a.valid && b.valid && a.time == b.time;
        if (works_[Index(r, c)]) Multiply(r, c, a, b);
      }
    }
    Show();
    ++cycles_;
  }

  void Show() const {
    if (!observe_) return;
    GridFrame frame = {cycles_, false, row0_, column0_, {}};
    for (size_t pe = 0; pe < sum_.size(); ++pe) {
      frame.pes.push_back({from_left_[pe], from_above_[pe], 0, sum_[pe], works_[pe]});
    }
    observe_(frame);
  }

  Operand LeftEdge(int64_t r, int64_t time) const {
    return Edge(time, time < 0 ? 0 : a_.Padded(row0_ + r, time));
  }
  Operand UpperEdge(int64_t c, int64_t time) const {
    return Edge(time, time < 0 ? 0 : b_.Padded(time, column0_ + c));
  }

  void Multiply(int64_t r, int64_t c, const Operand& a, const Operand& b) {
    ++products_;
    sum_[Index(r, c)] += a.value * b.value;
    const bool last = a.time == a_.columns - 1;
    if (last && row0_ + r < out_.rows && column0_ + c < out_.columns) {
      out_.At(row0_ + r, column0_ + c) = sum_[Index(r, c)];
    }
  }

  const ArrayShape array_;
  const IntMatrix& a_;
  const IntMatrix& b_;
  const GridObserver& observe_;
  IntMatrix out_;
  std::vector<Operand> from_left_, from_above_;
  std::vector<int64_t> sum_;
  std::vector<bool> works_;  // in this cycle
  int64_t row0_ = 0, column0_ = 0;
  int64_t products_ = 0;  // in this fold, those of idle PEs with them
  int64_t cycles_ = 0;
};

}  // namespace

IntMatrix IntMatrix::Transposed() const {
  IntMatrix result(columns, rows);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) result.At(c, r) = At(r, c);
  }
  return result;
}

absl::Status CheckGrid(const IntMatrix& a, const IntMatrix& b, const ArrayShape& array) {
  if (a.columns != b.rows) {
    return absl::InvalidArgumentError(
        absl::StrCat("A has ", a.columns, " columns and B ", b.rows, " rows; they must be equal"));
  }
  if (a.rows < 1 || a.columns < 1 || b.columns < 1 || array.rows < 1 || array.columns < 1) {
    return absl::InvalidArgumentError("an empty matrix or array; every side must be at least 1");
  }
  return absl::OkStatus();
}

absl::StatusOr<GridRun> RunSerial(const IntMatrix& a, const IntMatrix& b, const ArrayShape& array,
                                  Dataflow dataflow, const GridObserver& observe) {
  STRATA_RETURN_IF_ERROR(CheckGrid(a, b, array));
  if (dataflow == Dataflow::kOutputStationary) return OutputGrid(array, a, b, observe).Run();
  if (dataflow == Dataflow::kWeightStationary) return StationaryGrid(array, b, a, observe).Run();
  const IntMatrix still = a.Transposed(), stream = b.Transposed();
  GridRun run = StationaryGrid(array, still, stream, observe).Run();
  return GridRun{run.product.Transposed(), run.cycles};
}

}  // namespace strata::chips::systolic
