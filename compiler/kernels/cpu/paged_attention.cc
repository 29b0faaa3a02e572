// paged_attention: the rows of a view are done together, the query heads of a key head too. A block of keys is gathered
// from its slots once for all of them (paged_pack.h) and met by 64 queries at a time (paged_blocks.h). Threads share out
// views, key heads and runs of queries; what a query computes does not depend on how.
#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/paged_blocks.h"
#include "compiler/kernels/cpu/paged_pack.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"

namespace strata::compiler {
namespace {

constexpr int64_t kFewQueries = 16;  // of a key head: then its keys and values are not packed first
constexpr double kSmallWork = 1 << 18;  // multiply-adds that are not worth another thread

struct Geometry {
  explicit Geometry(const graph::OpCall& call)
      : dtype(call.inputs[1].dtype),
        R(call.inputs[0].dims()[0]),
        H(call.inputs[0].dims()[1]),
        D(call.inputs[0].dims()[2]),
        slots(call.inputs[1].dims()[0]),
        KV(call.inputs[1].dims()[1]),
        value_stride(call.inputs[2].dims()[2]),
        Dv(call.outputs[0].dims()[2]),
        scale(static_cast<float>(call.attrs().Float("scale"))),
        softcap(static_cast<float>(call.attrs().Float("softcap"))),
        window(call.attrs().Int("window")) {
    const std::vector<int64_t> views = call.inputs[quantised() ? 5 : 3].dims();
    V = views[0];
    L = views[1];
    has_sinks = call.inputs.size() > (quantised() ? 8u : 6u);
  }
  bool quantised() const { return dtype == chips::I8; }
  int64_t group() const { return KV > 0 ? H / KV : 0; }  // query heads that share a key head
  int64_t P() const { return (Dv + 15) / 16 * 16; }

  chips::DType dtype;
  int64_t R, H, D, slots, KV, value_stride, Dv, V = 0, L = 0;
  float scale, softcap;
  int64_t window;
  bool has_sinks = false;
};

struct Buffers {
  Buffers(void* const* b, const Geometry& g)
      : q(Buffer<float>(b, 0)), k(Buffer<char>(b, 1)), v(Buffer<char>(b, 2)) {
    size_t i = 3;
    if (g.quantised()) {
      k_scale = Buffer<float>(b, i++);
      v_scale = Buffer<float>(b, i++);
    }
    views = Buffer<int32_t>(b, i++);
    row_view = Buffer<int32_t>(b, i++);
    row_length = Buffer<int32_t>(b, i++);
    if (g.has_sinks) sinks = Buffer<float>(b, i++);
    y = Buffer<float>(b, i);
  }

  const float* q;
  const char *k, *v;
  const float *k_scale = nullptr, *v_scale = nullptr;
  const int32_t *views, *row_view, *row_length;
  const float* sinks = nullptr;
  float* y;
};

// What one thread does at a time: queries [first, first + count) of each of its key heads, where query i of a key head is
// head i % group of row i / group of the view's rows.
struct Unit {
  int32_t view;
  int64_t row;  // where the view's rows begin in `order`
  int64_t first, count;
  int64_t kv, kvs;
};

// Memory of the calling thread, on a cache line; it grows and is shared by all routines.
float* Scratch(int64_t floats) {
  thread_local std::vector<float> memory;
  if (memory.size() < static_cast<size_t>(floats + 16))
    memory.resize(static_cast<size_t>(floats + 16));
  const auto base = (reinterpret_cast<uintptr_t>(memory.data()) + 63) / 64 * 64;
  return reinterpret_cast<float*>(base);
}

int64_t RoundUp(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// One unit at work.
class UnitRun {
 public:
  UnitRun(const Geometry& g, const Buffers& b, const Unit& unit, const int32_t* rows)
      : g_(g), b_(b), u_(unit), rows_(rows), view_(b.views + unit.view * g.L) {
    const int64_t states = u_.kvs * u_.count, P = g.P();
    float* memory = Scratch(kKeyBlock * (RoundUp(g.D, 16) + P + kQueryBlock) +
                            states * (g.D + P + 16 + 1) + 4 * u_.count + 256);
    const auto take = [&](int64_t floats) {
      float* part = memory;
      memory += RoundUp(floats, 16);
      return part;
    };
    keys_ = take(kKeyBlock * g.D);
    values_ = take(kKeyBlock * P);
    s_ = take(kKeyBlock * kQueryBlock);
    out_ = take(states * P);
    sum_ = take(states * 16);
    q_ = take(states * g.D);
    top_ = take(states);
    seen_ = reinterpret_cast<KeyRange*>(take(2 * u_.count));
    ranges_ = reinterpret_cast<KeyRange*>(take(2 * u_.count));
  }

  // False when a view names a slot that is not there.
  bool Run() {
    Start();
    for (int64_t block = least_ / kKeyBlock; block * kKeyBlock < most_; ++block) {
      bool any = false;
      if (!TakeSlots(block, &any)) return false;
      if (!any) continue;
      for (int64_t kv = 0; kv < u_.kvs; ++kv) {
        const CacheHead keys = Head(b_.k, b_.k_scale, kv, g_.D, g_.D);
        const CacheHead values = Head(b_.v, b_.v_scale, kv, g_.value_stride, g_.Dv);
        u_.count <= kFewQueries ? MeetFew(kv, keys, values) : MeetPacked(kv, keys, values);
      }
    }
    for (int64_t kv = 0; kv < u_.kvs; ++kv) {
      const QueryBlock queries = Queries(kv, 0);
      for (int64_t i = 0; i < u_.count; ++i)
        Finish(queries, i, g_.Dv, b_.y + HeadOf(kv, i) * g_.Dv);
    }
    return true;
  }

 private:
  // The block against all queries of a key head.
  void MeetFew(int64_t kv, const CacheHead& keys, const CacheHead& values) {
    const QueryBlock queries = Queries(kv, 0);
    FewScores(queries, keys, slots_, next_, keys_, s_);
    Softmax(queries, g_.softcap, s_);
    FewMix(queries, s_, values, slots_, next_);
  }
  void MeetPacked(int64_t kv, const CacheHead& keys, const CacheHead& values) {
    PackKeys(keys, slots_, keys_);
    PackValues(values, slots_, values_);
    for (int64_t i = 0; i < u_.count; i += kQueryBlock) {
      const QueryBlock queries = Queries(kv, i);
      Scores(queries, keys_, s_);
      Softmax(queries, g_.softcap, s_);
      Mix(queries, s_, values_);
    }
  }

  int64_t RowOf(int64_t i) const { return rows_[u_.row + (u_.first + i) / g_.group()]; }
  // The head of all rows' heads that query i of a key head is.
  int64_t HeadOf(int64_t kv, int64_t i) const {
    return RowOf(i) * g_.H + (u_.kv + kv) * g_.group() + (u_.first + i) % g_.group();
  }
  CacheHead Head(const char* cache, const float* scale, int64_t kv, int64_t stride,
                 int64_t width) const {
    const int64_t head = u_.kv + kv, size = static_cast<int64_t>(chips::SizeOf(g_.dtype));
    return {cache + head * stride * size,
            g_.dtype,
            g_.KV * stride,
            width,
            scale == nullptr ? nullptr : scale + head,
            g_.KV};
  }
  QueryBlock Queries(int64_t kv, int64_t i) const {
    const int64_t state = kv * u_.count + i;
    return {std::min(kQueryBlock, u_.count - i),
            g_.D,
            g_.P(),
            ranges_ + i,
            q_ + state * g_.D,
            out_ + state * g_.P(),
            sum_ + state * 16,
            top_ + state};
  }

  // Queries times the scale, and what is kept of them: nothing seen yet, but the sink.
  void Start() {
    most_ = 0;
    least_ = std::numeric_limits<int64_t>::max();
    for (int64_t i = 0; i < u_.count; ++i) {
      const int32_t length = b_.row_length[RowOf(i)];
      const int64_t begin = g_.window > 0 ? std::max<int64_t>(0, length - g_.window) : 0;
      seen_[i] = {static_cast<int32_t>(begin), length};
      least_ = std::min(least_, begin);
      most_ = std::max<int64_t>(most_, length);
    }
    std::fill_n(out_, u_.kvs * u_.count * g_.P(), 0.0f);
    std::fill_n(sum_, u_.kvs * u_.count * 16, 0.0f);
    for (int64_t kv = 0, state = 0; kv < u_.kvs; ++kv) {
      for (int64_t i = 0; i < u_.count; ++i, ++state) {
        const float* q = b_.q + HeadOf(kv, i) * g_.D;
        for (int64_t d = 0; d < g_.D; ++d) q_[state * g_.D + d] = q[d] * g_.scale;
        top_[state] = -std::numeric_limits<float>::infinity();
        if (b_.sinks == nullptr) continue;
        top_[state] = b_.sinks[HeadOf(kv, i) % g_.H];
        sum_[state * 16] = 1;
      }
    }
  }

  // Slots of the block's keys that some query sees, -1 elsewhere. False when one is not there.
  bool TakeSlots(int64_t block, bool* any_seen) {
    const int64_t start = block * kKeyBlock;
    uint64_t any = 0;
    for (int64_t i = 0; i < u_.count; ++i) {
      const int64_t begin = std::max<int64_t>(seen_[i].begin - start, 0),
                    end = std::min<int64_t>(seen_[i].end - start, kKeyBlock);
      ranges_[i] = {static_cast<int32_t>(begin), static_cast<int32_t>(std::max(begin, end))};
      if (begin < end) any |= (~uint64_t{0} << begin) & (~uint64_t{0} >> (kKeyBlock - end));
    }
    *any_seen = any != 0;
    for (int64_t j = 0; j < kKeyBlock; ++j) {
      slots_[j] = -1;
      if ((any >> j & 1) == 0) continue;
      slots_[j] = view_[start + j];
      if (slots_[j] < 0 || slots_[j] >= g_.slots) return false;
    }
    for (int64_t j = 0; j < kKeyBlock; ++j) {
      const int64_t key = start + kKeyBlock + j;
      next_[j] = key < most_ && view_[key] < g_.slots ? view_[key] : -1;
    }
    return true;
  }

  const Geometry& g_;
  const Buffers& b_;
  const Unit& u_;
  const int32_t* rows_;
  const int32_t* view_;
  float *keys_, *values_, *s_, *q_, *out_, *sum_, *top_;
  KeyRange *seen_, *ranges_;  // of the view, of the block
  int64_t least_ = 0, most_ = 0;
  int32_t slots_[kKeyBlock], next_[kKeyBlock];  // of the block and of the one after it
};

class PagedAttention {
 public:
  PagedAttention(const graph::OpCall& call, int threads)
      : g_(call),
        threads_(threads),
        most_queries_(g_.D + g_.P() > 512 ? kQueryBlock : 4 * kQueryBlock) {
    count_.resize(static_cast<size_t>(g_.V + 1));
    order_.resize(static_cast<size_t>(g_.R));
    units_.reserve(static_cast<size_t>(g_.V + 4 * threads));
  }

  absl::Status Run(void* const* buffers) {
    const Buffers b(buffers, g_);
    STRATA_RETURN_IF_ERROR(SortRows(b));
    if (g_.H == 0 || g_.KV == 0) return absl::OkStatus();
    MakeUnits();
    std::atomic<bool> good{true};
    const int threads = work_ < kSmallWork ? 1 : threads_;
    // The last rows of a prompt see the most keys: they go first.
    ParallelTasks(static_cast<int64_t>(units_.size()), threads, [&](int64_t task) {
      const Unit& unit = units_[units_.size() - 1 - static_cast<size_t>(task)];
      if (!UnitRun(g_, b, unit, order_.data()).Run()) good = false;
    });
    return good ? absl::OkStatus() : BadSlot(b);
  }

 private:
  // Rows by view; those that see nothing are 0 and out of the way.
  absl::Status SortRows(const Buffers& b) {
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
    return absl::OkStatus();
  }

  absl::Status CheckRow(const Buffers& b, int64_t r) const {
    if (b.row_length[r] < 0 || b.row_length[r] > g_.L) {
      return absl::OutOfRangeError(absl::StrCat("row_length: row ", r, " has ", b.row_length[r],
                                                "; views hold [0, ", g_.L, "] slots"));
    }
    if (b.row_length[r] == 0 || (b.row_view[r] >= 0 && b.row_view[r] < g_.V))
      return absl::OkStatus();
    return absl::OutOfRangeError(
        absl::StrCat("row_view: row ", r, " has ", b.row_view[r], "; there are ", g_.V, " views"));
  }

  // After SortRows, count_[v] is where the rows of view v end.
  void MakeUnits() {
    units_.clear();
    int64_t active = 0, begin = 0;
    for (int64_t v = 0; v < g_.V; begin = count_[static_cast<size_t>(v++)])
      active += count_[static_cast<size_t>(v)] > begin;
    begin = 0;
    for (int64_t v = 0; v < g_.V; begin = count_[static_cast<size_t>(v++)]) {
      const int64_t rows = count_[static_cast<size_t>(v)] - begin;
      if (rows > 0) AddView(static_cast<int32_t>(v), begin, rows * g_.group(), active);
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
  absl::Status BadSlot(const Buffers& b) const {
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

  Geometry g_;
  int threads_;
  int64_t most_queries_;        // of a unit: what is kept of them stays in the nearer caches
  std::vector<int64_t> count_;  // by view
  std::vector<int32_t> order_;  // rows by view
  std::vector<Unit> units_;
  double work_ = 0;  // multiply-adds
};

absl::StatusOr<RoutineFunction> Prepare(const graph::OpCall& call, int threads) {
  auto attention = std::make_shared<PagedAttention>(call, threads);
  return RoutineFunction([attention](void* const* buffers) { return attention->Run(buffers); });
}

std::string Reason(const graph::OpCall& call) {
  const Geometry g(call);
  return absl::StrCat("blocks of ", kKeyBlock, " keys, gathered from their slots once for the ",
                      g.group() == 1 ? "head" : absl::StrCat(g.group(), " heads"),
                      " and all rows of a view that read them; softmax as it goes; a row's result "
                      "does not depend on the others");
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
