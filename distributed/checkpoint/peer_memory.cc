#include "distributed/checkpoint/peer_memory.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <random>
#include <utility>

#include "distributed/checkpoint/block_hash.h"
#include "distributed/checkpoint/box_copy.h"
#include "distributed/checkpoint/exchange.h"
#include "distributed/checkpoint/manifest.h"
#include "distributed/checkpoint/recall_plan.h"
#include "distributed/checkpoint/save_plan.h"

namespace strata::distributed {
namespace {

using checkpoint::Holding;
using checkpoint::Recall;

using CellKey = std::pair<std::string, Box>;

// Calls body(tensor, cell) in the order in which a copy has them.
template <typename Body>
void ForEachCell(const Holding& holding, const Body& body) {
  for (const checkpoint::Tensor& tensor : holding.tensors()) {
    for (const checkpoint::Cell& cell : tensor.cells()) body(tensor, cell);
  }
}

size_t BytesOf(const Holding& holding) {
  int64_t bytes = 0;
  ForEachCell(holding,
              [&](const auto& tensor, const auto& cell) { bytes += CellBytes(tensor, cell); });
  return static_cast<size_t>(bytes);
}

// Where the elements of cells are.
template <typename Byte>
using PlacesOfBytes = std::map<CellKey, Byte*>;
using Places = PlacesOfBytes<const char>;

PlacesOfBytes<char> PlacesOf(absl::Span<const ShardedTensor> state) {
  PlacesOfBytes<char> places;
  for (const ShardedTensor& tensor : state) {
    places[{tensor.name, BoxOf(tensor)}] = static_cast<char*>(tensor.local.raw());
  }
  return places;
}

void AddPlaces(const Holding& holding, const char* at, Places& places) {
  ForEachCell(holding, [&](const auto& tensor, const auto& cell) {
    places[{tensor.name(), BoxOf(cell)}] = at;
    at += CellBytes(tensor, cell);
  });
}

std::string Pack(const Holding& holding, absl::Span<const ShardedTensor> state) {
  const PlacesOfBytes<char> places = PlacesOf(state);
  std::string bytes;
  bytes.reserve(BytesOf(holding));
  ForEachCell(holding, [&](const auto& tensor, const auto& cell) {
    bytes.append(places.at({tensor.name(), BoxOf(cell)}),
                 static_cast<size_t>(CellBytes(tensor, cell)));
  });
  return bytes;
}

// The cells of all ranks are one state of one step.
absl::Status CheckFit(const std::vector<Recall::Copy>& all) {
  std::vector<Holding> holdings;
  for (size_t r = 0; r < all.size(); ++r) {
    holdings.push_back(all[r].holding());
    if (all[r].step() != all[0].step()) {
      return absl::InvalidArgumentError(
          absl::StrCat("rank ", r, " saves step ", all[r].step(), ", rank 0 step ", all[0].step()));
    }
  }
  return PlanSave(holdings).status();
}

// `out` to the next rank; the previous one's, of `bytes`, comes.
absl::StatusOr<std::string> Shift(compiler::Collectives& ranks, const std::string& out,
                                  size_t bytes) {
  const int size = ranks.size(), next = (ranks.rank() + 1) % size;
  const int previous = (ranks.rank() + size - 1) % size;
  std::vector<int64_t> send(static_cast<size_t>(size)), receive(static_cast<size_t>(size));
  send[static_cast<size_t>(next)] = static_cast<int64_t>(out.size());
  receive[static_cast<size_t>(previous)] = static_cast<int64_t>(bytes);
  std::string in(bytes, '\0');
  STRATA_RETURN_IF_ERROR(ranks.AllToAllV(out.data(), send, in.data(), receive, chips::U8));
  return in;
}

// Bytes to or from each rank, one rank after another.
struct Mail {
  explicit Mail(int ranks) : counts(static_cast<size_t>(ranks)) {}
  std::vector<int64_t> counts;
  std::string bytes;

  // Where the next piece of each rank begins, at first.
  std::vector<char*> Begins() {
    std::vector<char*> begins(counts.size());
    int64_t total = 0;
    for (int64_t count : counts) total += count;
    bytes.resize(static_cast<size_t>(total));
    char* at = bytes.data();
    for (size_t r = 0; r < counts.size(); at += counts[r++]) begins[r] = at;
    return begins;
  }
};

// Pieces lie in the mail in the order of the plan, which all ranks have alike.
absl::Status MakeTransfers(const RecallPlan& plan, const Places& sources,
                           const PlacesOfBytes<char>& targets, compiler::Collectives& ranks) {
  Mail out(ranks.size()), in(ranks.size());
  for (const Transfer& t : plan.transfers) {
    if (t.sender == ranks.rank()) out.counts[static_cast<size_t>(t.receiver)] += t.bytes();
    if (t.receiver == ranks.rank()) in.counts[static_cast<size_t>(t.sender)] += t.bytes();
  }
  std::vector<char*> to = out.Begins(), from = in.Begins();
  for (const Transfer& t : plan.transfers) {
    if (t.sender != ranks.rank()) continue;
    char*& piece = to[static_cast<size_t>(t.receiver)];
    CopyBox(t.common, t.source, sources.at({t.tensor, t.source}), t.common, piece,
            chips::SizeOf(t.dtype));
    piece += t.bytes();
  }
  STRATA_RETURN_IF_ERROR(
      ranks.AllToAllV(out.bytes.data(), out.counts, in.bytes.data(), in.counts, chips::U8));
  for (const Transfer& t : plan.transfers) {
    if (t.receiver != ranks.rank()) continue;
    char*& piece = from[static_cast<size_t>(t.sender)];
    CopyBox(t.common, t.common, piece, t.target, targets.at({t.tensor, t.target}),
            chips::SizeOf(t.dtype));
    piece += t.bytes();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PeerMemory::Save(int64_t step, absl::Span<const ShardedTensor> state,
                              compiler::Collectives& ranks) {
  absl::StatusOr<Holding> holding = MakeHolding(state);
  STRATA_RETURN_IF_ERROR(Agree(ranks, holding.status()));
  Recall::Copy mine;
  mine.set_step(step);
  mine.set_id((uint64_t{std::random_device()()} << 32) + std::random_device()());
  *mine.mutable_holding() = *std::move(holding);
  STRATA_ASSIGN_OR_RETURN(std::vector<Recall::Copy> all, AllGatherMessages(ranks, mine));
  STRATA_RETURN_IF_ERROR(CheckFit(all));
  for (Recall::Copy& copy : all) copy.set_id(all[0].id());

  const size_t size = all.size(), rank = static_cast<size_t>(ranks.rank());
  std::vector<Copy> fresh(1);
  fresh[0] = {all[rank], Pack(all[rank].holding(), state), 0};
  if (size > 1) {
    const Recall::Copy& theirs = all[(rank + size - 1) % size];
    STRATA_ASSIGN_OR_RETURN(std::string bytes,
                            Shift(ranks, fresh[0].bytes, BytesOf(theirs.holding())));
    fresh.push_back({theirs, std::move(bytes), 0});
  }
  for (Copy& copy : fresh) copy.checksum = BlockHash(copy.bytes);
  const auto older = static_cast<std::ptrdiff_t>(copies_.size());
  std::move(fresh.begin(), fresh.end(), std::back_inserter(copies_));
  // Whoever gets past this knows that all have both of the new copies.
  STRATA_RETURN_IF_ERROR(ranks.Barrier());
  copies_.erase(copies_.begin(), copies_.begin() + older);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PeerMemory::Load(absl::Span<ShardedTensor> state,
                                         compiler::Collectives& ranks) const {
  Recall mine;
  absl::StatusOr<Holding> wanted = MakeHolding(state);
  *mine.mutable_verdict() = ToVerdict(wanted.status());
  if (wanted.ok()) *mine.mutable_wanted() = *std::move(wanted);
  std::vector<const Copy*> whole;
  for (const Copy& copy : copies_) {
    if (BlockHash(copy.bytes) != copy.checksum) continue;
    *mine.add_copies() = copy.of;
    whole.push_back(&copy);
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<Recall> recalls, AllGatherMessages(ranks, mine));
  for (size_t r = 0; r < recalls.size(); ++r) {
    STRATA_RETURN_IF_ERROR(Annotate(FromVerdict(recalls[r].verdict()), absl::StrCat("rank ", r)));
  }
  STRATA_ASSIGN_OR_RETURN(const RecallPlan plan, PlanRecall(recalls));
  Places sources;
  for (const Copy* copy : whole) {
    if (copy->of.step() == plan.step && copy->of.id() == plan.id) {
      AddPlaces(copy->of.holding(), copy->bytes.data(), sources);
    }
  }
  STRATA_RETURN_IF_ERROR(MakeTransfers(plan, sources, PlacesOf(state), ranks));
  return plan.step;
}

int64_t PeerMemory::bytes() const {
  int64_t total = 0;
  for (const Copy& copy : copies_) total += static_cast<int64_t>(copy.bytes.size());
  return total;
}

}  // namespace strata::distributed
