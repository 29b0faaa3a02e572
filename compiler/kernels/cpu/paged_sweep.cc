#include "compiler/kernels/cpu/paged_sweep.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "compiler/kernels/cpu/paged_scratch.h"

namespace strata::compiler {
namespace {

constexpr int64_t kNearBytes =
    256 << 10;  // of a block's keys and values: it and the next fit the second cache

}  // namespace

// One part at work.
class SweepRun {
 public:
  SweepRun(PagedSweeps& all, const PagedBuffers& b, const int32_t* rows,
           const PagedScratch& scratch, int64_t most)
      : all_(all), g_(all.g_), b_(b), rows_(rows) {
    PagedScratch memory = scratch;
    const int64_t P = g_.P();
    turned_ = memory.Take(kKeyBlock * g_.D);
    s_ = memory.Take(kKeyBlock * most);
    q_ = memory.Take(most * g_.D);
    own_ = {0,
            g_.D,
            P,
            nullptr,
            nullptr,
            memory.Take(most * P),
            memory.Take(most * 16),
            memory.Take(most),
            memory.Take(most),
            memory.Take(most)};
    part_ = memory.Take(8 * P);
    key_scales_ = memory.Take(kKeyBlock);
    value_scales_ = memory.Take(kKeyBlock);
  }

  bool Run(absl::Span<const SweepPart> parts) {
    Step steps[2];
    bool more = First(parts, &steps[0]), asked = false;
    if (more && !Find(&steps[0])) return false;
    for (int current = 0; more; current = 1 - current) {
      Step &step = steps[current], &next = steps[1 - current];
      const bool another = Next(parts, step, &next);
      if (another && !Find(&next)) return false;
      if (step.begins) Enter(*step.part);
      const bool meets = step.block.begin < step.block.end;
      if (meets) {
        Meet(step, asked, another ? &next : nullptr);
      } else if (!Runs(*step.part)) {
        StartCells(step);
      }
      asked = meets && another;
      if (step.ends) Leave(*step.part);
      more = another;
    }
    return true;
  }

 private:
  // Key heads [kv_begin, kv_end) of the sweep against a block.
  struct Step {
    const SweepPart* part = nullptr;
    int64_t number = 0;  // of the block, from the sweep's first
    int64_t kv_begin = 0, kv_end = 0;
    bool begins = false, ends = false;  // the part
    KeyRange ranges[PagedSweeps::kMostQueries];
    PagedBlock block;
  };

  const Sweep& SweepOf(const SweepPart& part) const {
    return all_.sweeps_[static_cast<size_t>(part.sweep)];
  }
  PagedQueries QueriesOf(const Sweep& sweep) const { return {g_, b_, rows_ + sweep.row, 0}; }
  // Whether the part goes on from block to block; else each of its cells has a state of its own.
  static bool Runs(const SweepPart& part) { return part.begin == 0; }

  void Place(const SweepPart& part, int64_t cell, Step* step) const {
    const int64_t kvs = SweepOf(part).kvs;
    step->part = &part;
    step->number = cell / kvs;
    step->kv_begin = cell % kvs;
    step->kv_end = std::min(kvs, step->kv_begin + part.end - cell);
    step->begins = cell == part.begin;
    step->ends = cell + step->kv_end - step->kv_begin == part.end;
  }
  bool First(absl::Span<const SweepPart> parts, Step* step) const {
    if (parts.empty()) return false;
    Place(parts[0], parts[0].begin, step);
    return true;
  }
  bool Next(absl::Span<const SweepPart> parts, const Step& step, Step* next) const {
    if (!step.ends) {
      Place(*step.part, (step.number + 1) * SweepOf(*step.part).kvs, next);
      return true;
    }
    if (step.part + 1 == parts.data() + parts.size()) return false;
    Place(step.part[1], step.part[1].begin, next);
    return true;
  }
  bool Find(Step* step) const {
    const Sweep& sweep = SweepOf(*step->part);
    const PagedQueries queries = QueriesOf(sweep);
    const int64_t block = sweep.first_block() + step->number;
    for (int64_t i = 0; i < sweep.queries; ++i)
      step->ranges[i] = queries.InBlock(queries.KeysOf(i), block);
    return step->block.Find(g_, b_, sweep.view, block,
                            PagedBlock::Present(step->ranges, sweep.queries));
  }

  // States of the part's key heads, and its queries.
  void Enter(const SweepPart& part) {
    const Sweep& sweep = SweepOf(part);
    const PagedQueries queries = QueriesOf(sweep);
    for (int64_t kv = 0; kv < sweep.kvs; ++kv) {
      queries.Scale(sweep.kv + kv, sweep.queries, q_ + kv * sweep.queries * g_.D);
      if (Runs(part)) queries.Start(sweep.kv + kv, State(part, 0, kv), /*sinks=*/true);
    }
  }
  void StartCells(const Step& step) {
    const Sweep& sweep = SweepOf(*step.part);
    for (int64_t kv = step.kv_begin; kv < step.kv_end; ++kv) {
      QueriesOf(sweep).Start(sweep.kv + kv, State(*step.part, step.number, kv), /*sinks=*/false);
    }
  }
  // Of the queries of key head kv of the sweep, in a block.
  QueryBlock State(const SweepPart& part, int64_t number, int64_t kv) {
    const Sweep& sweep = SweepOf(part);
    const PagedSweeps::Cut& cut = all_.cuts_[static_cast<size_t>(part.sweep)];
    const int64_t own = kv * sweep.queries;
    QueryBlock x = own_;
    x.count = sweep.queries;
    x.q = q_ + own * g_.D;
    x.shrink += own;
    x.grow += own;
    if (cut.parts == 1) {
      x.out += own * x.P;
      x.sum += own * 16;
      x.top += own;
      return x;
    }
    const int64_t cell = Runs(part) ? kv : sweep.kvs + number * sweep.kvs + kv - cut.first_end;
    const QueryBlock record = all_.Records(cut.record + cell * sweep.queries, sweep.queries);
    x.out = record.out;
    x.sum = record.sum;
    x.top = record.top;
    return x;
  }

  // The block's keys, then its values, of one key head after the other. Meanwhile the values are asked for, and then the
  // next block's keys.
  void Meet(const Step& step, bool asked, const Step* next) {
    const Sweep& sweep = SweepOf(*step.part);
    const int64_t heads = step.kv_end - step.kv_begin;
    if (!Runs(*step.part)) StartCells(step);
    PagedAhead ahead;
    if (!asked) {
      AddKeys(step, &ahead);
      ahead.AskRest();
    }
    AddValues(step, &ahead);
    if (next != nullptr) AddKeys(*next, &ahead);
    for (int64_t h = 0; h < heads; ++h) {
      const QueryBlock x = StateIn(step, step.kv_begin + h);
      FewScores(x, step.block.Keys(g_, sweep.kv + step.kv_begin + h), turned_,
                s_ + h * sweep.queries * kKeyBlock, &ahead);
    }
    for (int64_t h = 0; h < heads; ++h) {
      const QueryBlock x = StateIn(step, step.kv_begin + h);
      const int64_t kv = sweep.kv + step.kv_begin + h;
      if (g_.quantised()) {
        step.block.Scales(g_, b_.k_scale, kv, key_scales_);
        step.block.Scales(g_, b_.v_scale, kv, value_scales_);
      }
      Softmax(x, g_.softcap, g_.quantised() ? key_scales_ : nullptr,
              g_.quantised() ? value_scales_ : nullptr, s_ + h * sweep.queries * kKeyBlock);
    }
    for (int64_t h = 0; h < heads; ++h) {
      const QueryBlock x = StateIn(step, step.kv_begin + h);
      FewMix(x, s_ + h * sweep.queries * kKeyBlock,
             step.block.Values(g_, sweep.kv + step.kv_begin + h), part_, &ahead);
    }
    ahead.AskRest();
  }
  QueryBlock StateIn(const Step& step, int64_t kv) {
    QueryBlock x = State(*step.part, step.number, kv);
    x.ranges = step.ranges;
    return x;
  }

  // Rows of a step; with the keys, the scales of both.
  void AddKeys(const Step& step, PagedAhead* ahead) const {
    for (const float* scale : {b_.k_scale, b_.v_scale}) {
      if (scale == nullptr) continue;
      scale += SweepOf(*step.part).kv + step.kv_begin;
      for (int64_t j = step.block.begin; j < step.block.end; ++j)
        __builtin_prefetch(scale + step.block.slots[j] * g_.KV, /*rw=*/0, /*locality=*/2);
    }
    Add(step, step.block.k, g_.D, g_.D, ahead);
  }
  void AddValues(const Step& step, PagedAhead* ahead) const {
    if (b_.v != b_.k) Add(step, step.block.v, g_.value_stride, g_.Dv, ahead);
  }
  void Add(const Step& step, const char* const* rows, int64_t stride, int64_t width,
           PagedAhead* ahead) const {
    const int64_t kv = SweepOf(*step.part).kv + step.kv_begin, heads = step.kv_end - step.kv_begin;
    ahead->Add(rows, step.block.begin, step.block.end, kv * stride * g_.size(),
               ((heads - 1) * stride + width) * g_.size());
  }

  void Leave(const SweepPart& part) {
    const Sweep& sweep = SweepOf(part);
    PagedSweeps::Cut& cut = all_.cuts_[static_cast<size_t>(part.sweep)];
    if (cut.parts > 1) {
      if (std::atomic_ref<int32_t>(cut.left).fetch_sub(1, std::memory_order_acq_rel) == 1)
        all_.JoinParts(b_, rows_, part.sweep);
      return;
    }
    for (int64_t kv = 0; kv < sweep.kvs; ++kv)
      QueriesOf(sweep).Finish(sweep.kv + kv, State(part, 0, kv));
  }

  PagedSweeps& all_;
  const PagedGeometry& g_;
  const PagedBuffers& b_;
  const int32_t* rows_;
  float *turned_, *s_, *q_, *part_, *key_scales_, *value_scales_;
  QueryBlock own_;  // states of a sweep that is not cut
};

int64_t PagedSweeps::MostHeads(int threads) const {
  const int64_t head = std::max<int64_t>(kKeyBlock * (g_.D + g_.Dv) * g_.size(), 1),
                heads = std::max<int64_t>(g_.KV, 1), shared = (heads + threads - 1) / threads;
  return std::clamp<int64_t>(std::min(kNearBytes / head, shared), 1, heads);
}

void PagedSweeps::Plan(std::vector<Sweep> sweeps, int64_t parts) {
  sweeps_ = std::move(sweeps);
  parts_ = SplitSweeps(sweeps_, parts);
  cuts_.assign(sweeps_.size(), Cut{});
  for (const SweepPart& part : parts_.all) {
    Cut& cut = cuts_[static_cast<size_t>(part.sweep)];
    cut.left = static_cast<int32_t>(++cut.parts);
    if (part.begin == 0) cut.first_end = part.end;
  }
  int64_t records = 0;
  for (size_t s = 0; s < sweeps_.size(); ++s) {
    if (cuts_[s].parts < 2) continue;
    cuts_[s].record = records;
    records += (sweeps_[s].kvs + sweeps_[s].cells() - cuts_[s].first_end) * sweeps_[s].queries;
  }
  const auto grow = [](std::vector<float>* v, int64_t n) {
    if (v->size() < static_cast<size_t>(n)) v->resize(static_cast<size_t>(n));
  };
  grow(&out_, records * g_.P());
  grow(&sum_, records * 16);
  grow(&top_, records);
}

QueryBlock PagedSweeps::Records(int64_t record, int64_t count) {
  QueryBlock x{};
  x.count = count;
  x.D = g_.D;
  x.P = g_.P();
  x.out = out_.data() + record * x.P;
  x.sum = sum_.data() + record * 16;
  x.top = top_.data() + record;
  return x;
}

void PagedSweeps::JoinParts(const PagedBuffers& b, const int32_t* rows, int64_t s) {
  const Sweep& sweep = sweeps_[static_cast<size_t>(s)];
  const Cut& cut = cuts_[static_cast<size_t>(s)];
  const PagedQueries queries(g_, b, rows + sweep.row, 0);
  for (int64_t kv = 0; kv < sweep.kvs; ++kv) {
    const QueryBlock x = Records(cut.record + kv * sweep.queries, sweep.queries);
    for (int64_t cell = kv; cell < sweep.cells(); cell += sweep.kvs) {
      if (cell < cut.first_end) continue;
      const QueryBlock later =
          Records(cut.record + (sweep.kvs + cell - cut.first_end) * sweep.queries, sweep.queries);
      Join(x, later.out, later.sum, later.top);
    }
    queries.Finish(sweep.kv + kv, x);
  }
}

bool PagedSweeps::Run(const PagedBuffers& b, const int32_t* rows, int64_t part) {
  const absl::Span<const SweepPart> parts = parts_.Of(part);
  int64_t most = 0;
  for (const SweepPart& p : parts) {
    const Sweep& sweep = sweeps_[static_cast<size_t>(p.sweep)];
    most = std::max(most, sweep.kvs * sweep.queries);
  }
  const int64_t P = g_.P();
  const PagedScratch scratch({kKeyBlock * g_.D, kKeyBlock * most, most * g_.D, most * P, most * 16,
                              most, most, most, 8 * P, kKeyBlock, kKeyBlock});
  return SweepRun(*this, b, rows, scratch, most).Run(parts);
}

}  // namespace strata::compiler
