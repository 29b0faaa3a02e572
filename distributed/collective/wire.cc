#include "distributed/collective/wire.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "distributed/collective/reduce.h"

namespace strata::distributed {
namespace {

constexpr std::align_val_t kAlignment{64};

}  // namespace

void Workspace::Free::operator()(char* memory) const { ::operator delete[](memory, kAlignment); }

char* Workspace::Get(Slot slot, int64_t bytes) {
  if (bytes > bytes_[slot]) {
    memory_[slot].reset();  // first: never both are there
    memory_[slot].reset(
        static_cast<char*>(::operator new[](static_cast<size_t>(bytes), kAlignment)));
    bytes_[slot] = bytes;
  }
  return memory_[slot].get();
}

Wire Wire::Among(const std::vector<int>& ranks, int index) const {
  Wire wire = *this;
  wire.below_.clear();
  for (int rank : ranks) wire.below_.push_back(Below(rank));
  wire.rank_ = index;
  wire.size_ = static_cast<int>(ranks.size());
  return wire;
}

Wire Wire::FromRoot(int root) const {
  std::vector<int> ranks;
  for (int step = 0; step < size_; ++step) ranks.push_back((root + step) % size_);
  return Among(ranks, (rank_ + size_ - root) % size_);
}

Outgoing Wire::Out(int to, View out) const {
  return {Below(to), tag_, out.data, static_cast<size_t>(out.bytes)};
}

absl::Status Wire::Send(int to, View out) {
  if (out.bytes == 0) return absl::OkStatus();
  return transport_.Send(Out(to, out));
}

absl::Status Wire::Recv(int from, Piece in) {
  if (in.bytes == 0) return absl::OkStatus();
  return transport_.Recv({Below(from), tag_, in.data, static_cast<size_t>(in.bytes)});
}

absl::Status Wire::Exchange(int to, View out, int from, Piece in) {
  if (in.bytes == 0) return Send(to, out);
  if (out.bytes == 0) return Recv(from, in);
  return transport_.SendRecv(Out(to, out),
                             {Below(from), tag_, in.data, static_cast<size_t>(in.bytes)});
}

absl::Status Wire::RecvCombine(int from, Piece own, Order order) {
  return ExchangeCombine(from, View(nullptr, 0), from, own, own.data, order);
}

absl::Status Wire::ExchangeCombine(int to, View out, int from, View own, char* result,
                                   Order order) {
  if (own.bytes == 0) return Send(to, out);
  const int64_t element = call_.element_bytes();
  const auto combine = [&](size_t offset, const void* arrived, size_t bytes) {
    const void* mine = own.data + offset;
    const bool arrived_first = order == kArrivedFirst;
    Combine(call_.reduction, call_.dtype, arrived_first ? arrived : mine,
            arrived_first ? mine : arrived, result + offset, static_cast<int64_t>(bytes) / element);
  };
  const IncomingPieces in = {Below(from), tag_, static_cast<size_t>(own.bytes), combine};
  if (out.bytes == 0) return transport_.RecvPieces(in);
  return transport_.SendRecvPieces(Out(to, out), in);
}

bool Wire::MayOverwrite(int64_t out_bytes) const {
  return static_cast<size_t>(out_bytes) <= transport_.capabilities().overwrite_bytes;
}

absl::Status Wire::ExchangeCombine(int to, View out, int from, absl::Span<const Piece> own) {
  int64_t total = 0;
  for (const Piece& piece : own) total += piece.bytes;
  if (total == 0) return Send(to, out);
  const int64_t element = call_.element_bytes();
  size_t next = 0;
  int64_t filled = 0;  // of that piece
  const auto combine = [&](size_t, const void* arrived, size_t bytes) {
    const char* from_here = static_cast<const char*>(arrived);
    for (int64_t left = static_cast<int64_t>(bytes); left > 0;) {
      const Piece& piece = own[next];
      const int64_t part = std::min(left, piece.bytes - filled);
      char* sum = piece.data + filled;
      Combine(call_.reduction, call_.dtype, from_here, sum, sum, part / element);
      from_here += part;
      left -= part;
      filled += part;
      if (filled == piece.bytes) ++next, filled = 0;
    }
  };
  const IncomingPieces in = {Below(from), tag_, static_cast<size_t>(total), combine};
  if (out.bytes == 0) return transport_.RecvPieces(in);
  return transport_.SendRecvPieces(Out(to, out), in);
}

void Wire::CombineHere(const char* a, const char* b, Piece result) {
  Combine(call_.reduction, call_.dtype, a, b, result.data, result.bytes / call_.element_bytes());
}

void Wire::Finish(Piece whole) {
  FinishReduction(call_.reduction, call_.dtype, whole.data, whole.bytes / call_.element_bytes(),
                  call_size_);
}

void Wire::Copy(char* to, View from) {
  if (from.bytes > 0 && to != from.data)
    std::memcpy(to, from.data, static_cast<size_t>(from.bytes));
}

}  // namespace strata::distributed
