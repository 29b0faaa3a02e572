// paged_attention: the rows of a view are done together, the query heads of a key head too. Where they are few, as in
// decoding, they sweep over the keys as these lie (paged_sweep.h). Else a block of keys is gathered from its slots once for
// all of them (paged_pack.h) and met by 64 queries at a time (paged_blocks.h), and threads share out views, key heads and
// runs of queries. What a query computes does not depend on which, or on who shares.
#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/paged_blocks.h"
#include "compiler/kernels/cpu/paged_call.h"
#include "compiler/kernels/cpu/paged_pack.h"
#include "compiler/kernels/cpu/paged_scratch.h"
#include "compiler/kernels/cpu/paged_sweep.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"

namespace strata::compiler {
namespace {

constexpr double kSmallWork = 1 << 16;  // multiply-adds that are not worth another thread

int64_t RoundUp(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// What one thread does at a time: queries [first, first + count) of each of its key heads, where query i of a key head is
// head i % group of row i / group of the view's rows.
struct Unit {
  int32_t view;
  int64_t row;  // where the view's rows begin in `order`
  int64_t first, count;
  int64_t kv, kvs;
};

// One unit at work.
class UnitRun {
 public:
  UnitRun(const PagedGeometry& g, const PagedBuffers& b, const Unit& unit, const int32_t* rows)
      : g_(g), b_(b), u_(unit), queries_(g, b, rows + unit.row, unit.first) {
    const int64_t states = u_.kvs * u_.count, P = g.P();
    PagedScratch memory({kKeyBlock * g.D, kKeyBlock * P, kKeyBlock * kQueryBlock, states * P,
                         states * 16, states * g.D, states, kQueryBlock, kQueryBlock, 8 * P,
                         kKeyBlock, kKeyBlock, 2 * u_.count, 2 * u_.count});
    keys_ = memory.Take(kKeyBlock * g.D);
    values_ = memory.Take(kKeyBlock * P);
    s_ = memory.Take(kKeyBlock * kQueryBlock);
    out_ = memory.Take(states * P);
    sum_ = memory.Take(states * 16);
    q_ = memory.Take(states * g.D);
    top_ = memory.Take(states);
    shrink_ = memory.Take(kQueryBlock);
    grow_ = memory.Take(kQueryBlock);
    part_ = memory.Take(8 * P);
    key_scales_ = memory.Take(kKeyBlock);
    value_scales_ = memory.Take(kKeyBlock);
    seen_ = reinterpret_cast<KeyRange*>(memory.Take(2 * u_.count));
    ranges_ = reinterpret_cast<KeyRange*>(memory.Take(2 * u_.count));
  }

  // False when a view names a slot that is not there.
  bool Run() {
    int64_t least = std::numeric_limits<int64_t>::max(), most = 0;
    for (int64_t i = 0; i < u_.count; ++i) {
      seen_[i] = queries_.KeysOf(i);
      least = std::min<int64_t>(least, seen_[i].begin);
      most = std::max<int64_t>(most, seen_[i].end);
    }
    for (int64_t kv = 0; kv < u_.kvs; ++kv) {
      queries_.Scale(u_.kv + kv, u_.count, q_ + kv * u_.count * g_.D);
      queries_.Start(u_.kv + kv, Queries(kv, 0, u_.count), /*sinks=*/true);
    }
    PagedBlock block;
    for (int64_t number = least / kKeyBlock; number * kKeyBlock < most; ++number) {
      for (int64_t i = 0; i < u_.count; ++i) ranges_[i] = queries_.InBlock(seen_[i], number);
      const uint64_t present = PagedBlock::Present(ranges_, u_.count);
      if (!block.Find(g_, b_, u_.view, number, present)) return false;
      for (int64_t kv = 0; present != 0 && kv < u_.kvs; ++kv) Meet(kv, block);
    }
    for (int64_t kv = 0; kv < u_.kvs; ++kv) queries_.Finish(u_.kv + kv, Queries(kv, 0, u_.count));
    return true;
  }

 private:
  // The block against all queries of a key head.
  void Meet(int64_t kv, const PagedBlock& block) {
    PackKeys(block.Keys(g_, u_.kv + kv), keys_);
    PackValues(block.Values(g_, u_.kv + kv), values_);
    if (g_.quantised()) {
      block.Scales(g_, b_.k_scale, u_.kv + kv, key_scales_);
      block.Scales(g_, b_.v_scale, u_.kv + kv, value_scales_);
    }
    for (int64_t i = 0; i < u_.count; i += kQueryBlock) {
      const QueryBlock queries = Queries(kv, i, std::min(kQueryBlock, u_.count - i));
      Scores(queries, keys_, s_);
      Softmax(queries, g_.softcap, g_.quantised() ? key_scales_ : nullptr,
              g_.quantised() ? value_scales_ : nullptr, s_);
      Mix(queries, s_, values_, part_);
    }
  }
  QueryBlock Queries(int64_t kv, int64_t i, int64_t count) const {
    const int64_t state = kv * u_.count + i;
    return {count,
            g_.D,
            g_.P(),
            ranges_ + i,
            q_ + state * g_.D,
            out_ + state * g_.P(),
            sum_ + state * 16,
            top_ + state,
            shrink_,
            grow_};
  }

  const PagedGeometry& g_;
  const PagedBuffers& b_;
  const Unit& u_;
  const PagedQueries queries_;
  float *keys_, *values_, *s_, *q_, *out_, *sum_, *top_;
  float *shrink_, *grow_, *part_, *key_scales_, *value_scales_;
  KeyRange *seen_, *ranges_;  // of the view, of the block
};

class PagedAttention {
 public:
  PagedAttention(const graph::OpCall& call, int threads)
      : g_(call),
        threads_(threads),
        most_queries_(g_.D + g_.P() > 512 ? kQueryBlock : 4 * kQueryBlock),
        sweeps_(g_) {
    count_.resize(static_cast<size_t>(g_.V + 1));
    order_.resize(static_cast<size_t>(g_.R));
    units_.reserve(static_cast<size_t>(g_.V + 4 * threads));
  }

  absl::Status Run(void* const* buffers) {
    const PagedBuffers b(buffers, g_);
    STRATA_RETURN_IF_ERROR(SortRows(b));
    if (g_.H == 0 || g_.KV == 0) return absl::OkStatus();
    const int threads = work_ < kSmallWork ? 1 : threads_;
    const int64_t parts = MakeUnits(b, threads), units = static_cast<int64_t>(units_.size());
    std::atomic<bool> good{true};
    // The last rows of a prompt see the most keys: they go first. Sweeps are cut to fill up what they leave.
    ParallelTasks(units + parts, threads, [&](int64_t task) {
      const bool done =
          task < units
              ? UnitRun(g_, b, units_[static_cast<size_t>(units - 1 - task)], order_.data()).Run()
              : sweeps_.Run(b, order_.data(), task - units);
      if (!done) good = false;
    });
    return good ? absl::OkStatus() : BadSlot(b);
  }

 private:
  // Rows by view, and by how many keys they see; those that see none are 0 and out of the way.
  absl::Status SortRows(const PagedBuffers& b) {
    std::fill(count_.begin(), count_.end(), 0);
    work_ = 0;
    for (int64_t r = 0; r < g_.R; ++r) {
      STRATA_RETURN_IF_ERROR(CheckRow(b, r));
      if (b.row_length[r] > 0) ++count_[static_cast<size_t>(b.row_view[r]) + 1];
      if (b.row_length[r] == 0) std::fill_n(b.y + r * g_.H * g_.Dv, g_.H * g_.Dv, 0.0f);
      work_ += static_cast<double>(b.row_length[r]) * static_cast<double>(g_.H * (g_.D + g_.Dv));
    }
    for (size_t v = 1; v < count_.size(); ++v) count_[v] += count_[v - 1];
    for (int64_t r = 0; r < g_.R; ++r) {
      if (b.row_length[r] > 0)
        order_[static_cast<size_t>(count_[static_cast<size_t>(b.row_view[r])]++)] =
            static_cast<int32_t>(r);
    }
    // Neighbours in a unit should see about the same keys.
    const auto sees_less = [&](int32_t a, int32_t c) { return b.row_length[a] < b.row_length[c]; };
    for (size_t v = 0; v + 1 < count_.size(); ++v) {
      const auto begin = order_.begin() + (v == 0 ? 0 : count_[v - 1]),
                 end = order_.begin() + count_[v];
      if (!std::is_sorted(begin, end, sees_less)) std::stable_sort(begin, end, sees_less);
    }
    return absl::OkStatus();
  }

  absl::Status CheckRow(const PagedBuffers& b, int64_t r) const {
    if (b.row_length[r] < 0 || b.row_length[r] > g_.L) {
      return absl::OutOfRangeError(absl::StrCat("row_length: row ", r, " has ", b.row_length[r],
                                                "; views hold [0, ", g_.L, "] slots"));
    }
    if (b.row_length[r] == 0 || (b.row_view[r] >= 0 && b.row_view[r] < g_.V))
      return absl::OkStatus();
    return absl::OutOfRangeError(
        absl::StrCat("row_view: row ", r, " has ", b.row_view[r], "; there are ", g_.V, " views"));
  }

  // After SortRows, count_[v] is where the rows of view v end. Returns the parts of sweeps that there are beside units.
  int64_t MakeUnits(const PagedBuffers& b, int threads) {
    units_.clear();
    std::vector<Sweep> sweeps;
    int64_t active = 0, begin = 0;
    for (int64_t v = 0; v < g_.V; begin = count_[static_cast<size_t>(v++)])
      active += count_[static_cast<size_t>(v)] > begin;
    begin = 0;
    for (int64_t v = 0; v < g_.V; begin = count_[static_cast<size_t>(v++)]) {
      const int64_t rows = count_[static_cast<size_t>(v)] - begin;
      if (rows == 0) continue;
      if (rows * g_.group() <= PagedSweeps::kMostQueries) {
        AddSweeps(b, static_cast<int32_t>(v), begin, rows, active % threads != 0, &sweeps);
      } else {
        AddView(static_cast<int32_t>(v), begin, rows * g_.group(), active);
      }
    }
    const int64_t parts = sweeps.empty() ? 0 : units_.empty() ? threads : 4 * threads;
    sweeps_.Plan(std::move(sweeps), parts);
    return parts;
  }

  // cut: views cannot be shared out evenly as they are.
  void AddSweeps(const PagedBuffers& b, int32_t view, int64_t row, int64_t rows, bool cut,
                 std::vector<Sweep>* sweeps) const {
    Sweep sweep{.view = view, .row = row, .queries = rows * g_.group(), .begin = g_.L};
    const PagedQueries queries(g_, b, order_.data() + row, 0);
    for (int64_t i = 0; i < sweep.queries; i += g_.group()) {
      sweep.begin = std::min<int64_t>(sweep.begin, queries.KeysOf(i).begin);
      sweep.end = std::max<int64_t>(sweep.end, queries.KeysOf(i).end);
    }
    const int64_t most = sweeps_.MostHeads(cut ? threads_ : 1);
    for (sweep.kv = 0; sweep.kv < g_.KV; sweep.kv += most) {
      sweep.kvs = std::min(most, g_.KV - sweep.kv);
      sweeps->push_back(sweep);
    }
  }

  // Whole heads of keys where they are many, so that their slots are read as they lie; parts of the queries where not.
  void AddView(int32_t view, int64_t row, int64_t queries, int64_t active) {
    const int64_t wanted = (2 * threads_ + active - 1) / active;
    const int64_t kvs = std::clamp<int64_t>(
        std::min(g_.KV / wanted, most_queries_ / std::max<int64_t>(queries, 1)), 1, g_.KV);
    const int64_t parts = wanted * kvs / g_.KV;  // of the queries of a key head
    const int64_t count = std::clamp<int64_t>(
        RoundUp((queries + parts - 1) / std::max<int64_t>(parts, 1), 4), 4, most_queries_);
    for (int64_t kv = 0; kv < g_.KV; kv += kvs) {
      for (int64_t first = 0; first < queries; first += count) {
        units_.push_back(
            {view, row, first, std::min(count, queries - first), kv, std::min(kvs, g_.KV - kv)});
      }
    }
  }

  // Names the first slot that is not there.
  absl::Status BadSlot(const PagedBuffers& b) const {
    for (int64_t r = 0; r < g_.R; ++r) {
      const int64_t length = b.row_length[r];
      for (int64_t j = g_.window > 0 ? std::max<int64_t>(0, length - g_.window) : 0; j < length;
           ++j) {
        const int32_t slot = b.views[b.row_view[r] * g_.L + j];
        if (slot >= 0 && slot < g_.slots) continue;
        return absl::OutOfRangeError(absl::StrCat("views: element [", b.row_view[r], ", ", j,
                                                  "] is ", slot, "; the cache has ", g_.slots,
                                                  " slots"));
      }
    }
    return absl::InternalError("a view changed while it was read");
  }

  PagedGeometry g_;
  int threads_;
  int64_t most_queries_;        // of a unit: what is kept of them stays in the nearer caches
  std::vector<int64_t> count_;  // by view
  std::vector<int32_t> order_;  // rows by view
  std::vector<Unit> units_;
  PagedSweeps sweeps_;
  double work_ = 0;  // multiply-adds
};

absl::StatusOr<RoutineFunction> Prepare(const graph::OpCall& call, int threads) {
  auto attention = std::make_shared<PagedAttention>(call, threads);
  return RoutineFunction([attention](void* const* buffers) { return attention->Run(buffers); });
}

std::string Reason(const graph::OpCall& call) {
  const PagedGeometry g(call);
  return absl::StrCat(
      "blocks of ", kKeyBlock, " keys, gathered from their slots once for the ",
      g.group() == 1 ? "head" : absl::StrCat(g.group(), " heads"),
      " and all rows of a view that read them; softmax as it goes; a row's result "
      "does not depend on the others; few rows sweep over the keys as these lie, and ask for "
      "the next ones meanwhile");
}

}  // namespace

std::vector<Routine> PagedAttentionRoutines() {
  return {{"paged_attention",
           [](const graph::OpCall&) { return absl::OkStatus(); },
           Prepare,
           Reason,
           {}}};
}

}  // namespace strata::compiler
