#include "distributed/collective/pat.h"

#include <algorithm>
#include <vector>

#include "distributed/collective/blocks.h"
#include "distributed/collective/powers.h"

namespace strata::distributed {
namespace {

// At distance d, rank r has the blocks of ranks r - o for all o that are multiples of 2 d; those with o + d < n go on.
int Moved(int n, int distance) { return (n - distance + 2 * distance - 1) / (2 * distance); }

// How many blocks go in a message.
int64_t Together(int64_t block_bytes, const Tuning& tuning) {
  return std::max<int64_t>(1, tuning.block_bytes / std::max<int64_t>(1, block_bytes));
}

// Where the blocks lie, as places of their ranks.
class Places {
 public:
  Places(char* data, int64_t bytes, int n) : data_(data), bytes_(bytes), n_(n) {}

  // `count` blocks that go over a distance from rank r, from the one numbered `first` on.
  std::vector<Piece> FromRank(int r, int distance, int64_t first, int64_t count) const {
    std::vector<Piece> pieces;
    for (int64_t k = first; k < first + count; ++k) {
      const int64_t offset = k * 2 * distance;
      pieces.push_back({data_ + ((r - offset) % n_ + n_) % n_ * bytes_, bytes_});
    }
    return pieces;
  }

 private:
  char* data_;
  int64_t bytes_;
  int n_;
};

// As one piece of memory; a single one where it lies.
View Packed(Wire& wire, const std::vector<Piece>& pieces) {
  if (pieces.size() == 1) return pieces[0];
  const int64_t bytes = pieces[0].bytes, count = static_cast<int64_t>(pieces.size());
  char* out = wire.Memory(Workspace::kExchange, 2 * bytes * count);
  for (int64_t k = 0; k < count; ++k) Wire::Copy(out + k * bytes, pieces[static_cast<size_t>(k)]);
  return {out, bytes * count};
}

// Sends some and receives others, as many.
absl::Status Exchange(Wire& wire, int to, const std::vector<Piece>& give, int from,
                      const std::vector<Piece>& take) {
  const View out = Packed(wire, give);
  if (take.size() == 1) return wire.Exchange(to, out, from, take[0]);
  char* in = const_cast<char*>(out.data) + out.bytes;  // the second half of what Packed() has
  STRATA_RETURN_IF_ERROR(wire.Exchange(to, out, from, {in, out.bytes}));
  for (const Piece& piece : take) {
    Wire::Copy(piece.data, View(in, piece.bytes));
    in += piece.bytes;
  }
  return absl::OkStatus();
}

absl::Status AllGather(Wire& wire, const Call& call) {
  const int n = wire.size(), r = wire.rank();
  const int64_t b = call.bytes(), together = Together(b, wire.tuning());
  const Places blocks(call.output, b, n);
  Wire::Copy(call.output + r * b, View(call.input, b));
  for (int distance = CeilPower(n) / 2; distance > 0; distance /= 2) {
    const int to = (r + distance) % n, from = (r + n - distance) % n;
    STRATA_RETURN_IF_ERROR(
        ForEachBlock(Moved(n, distance), together, [&](int64_t at, int64_t count) {
          return Exchange(wire, to, blocks.FromRank(r, distance, at, count), from,
                          blocks.FromRank(from, distance, at, count));
        }));
  }
  return absl::OkStatus();
}

absl::Status ReduceScatter(Wire& wire, const Call& call) {
  const int n = wire.size(), r = wire.rank();
  const int64_t b = call.bytes(), together = Together(b, wire.tuning());
  char* sums = wire.Memory(Workspace::kStaging, n * b);
  Wire::Copy(sums, View(call.input, n * b));
  const Places blocks(sums, b, n);
  for (int distance = 1; distance < n; distance *= 2) {
    const int to = (r + n - distance) % n, from = (r + distance) % n;
    STRATA_RETURN_IF_ERROR(
        ForEachBlock(Moved(n, distance), together, [&](int64_t at, int64_t count) {
          const View out = Packed(wire, blocks.FromRank(to, distance, at, count));
          return wire.ExchangeCombine(to, out, from, blocks.FromRank(r, distance, at, count));
        }));
  }
  Wire::Copy(call.output, View(sums + r * b, b));
  wire.Finish({call.output, b});
  return absl::OkStatus();
}

int64_t WireBytes(const CallShape& s) { return int64_t{s.ranks} * (s.ranks - 1) * s.bytes(); }

Cost AllGatherCost(const CallShape& s) {
  const int64_t together = Together(s.bytes(), s.tuning);
  double messages = 0;
  for (int distance = 1; distance < s.ranks; distance *= 2)
    messages += static_cast<double>(Blocks(Moved(s.ranks, distance), together));
  return {messages, (s.ranks - 1.0) * static_cast<double>(s.bytes()), 0};
}

Cost ReduceScatterCost(const CallShape& s) {
  Cost cost = AllGatherCost(s);
  cost.reduced_bytes = cost.bytes;
  return cost;
}

}  // namespace

absl::Span<const Algorithm> PatAlgorithms() {
  static constexpr Algorithm kRows[] = {
      {Verb::kAllGather, "pat", AllGather, AnyRanks, WireBytes, AllGatherCost},
      {Verb::kReduceScatter, "pat", ReduceScatter, AnyRanks, WireBytes, ReduceScatterCost},
  };
  return kRows;
}

}  // namespace strata::distributed
