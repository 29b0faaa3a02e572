#include "distributed/transport/transport.h"

#include <new>

#include "absl/strings/str_cat.h"

namespace strata::distributed {

absl::Status Transport::CheckCall(int peer, int tag) const {
  if (left_) {
    return absl::FailedPreconditionError(
        absl::StrCat("rank ", rank(), ": has left the run; make a new transport"));
  }
  if (peer < 0 || peer >= size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank ", rank(), ": peer ", peer, " is outside [0, ", size(), ")"));
  }
  if (peer == rank()) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank ", rank(), ": peer ", peer, " is this rank itself; copy instead"));
  }
  if (tag < 0 || (tag > kMaxTag && tag != kBarrierTag)) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank ", rank(), ": tag ", tag, " is outside [0, ", kMaxTag, "]"));
  }
  return absl::OkStatus();
}

absl::Status Transport::Send(const Outgoing& message) {
  STRATA_RETURN_IF_ERROR(CheckCall(message.peer, message.tag));
  return DoSend(message);
}

absl::Status Transport::Recv(const Incoming& message) {
  STRATA_RETURN_IF_ERROR(CheckCall(message.peer, message.tag));
  return DoRecv(message);
}

absl::Status Transport::SendRecv(const Outgoing& out, const Incoming& in) {
  STRATA_RETURN_IF_ERROR(CheckCall(out.peer, out.tag));
  STRATA_RETURN_IF_ERROR(CheckCall(in.peer, in.tag));
  return DoSendRecv(out, in);
}

absl::Status Transport::RecvPieces(const IncomingPieces& message) {
  STRATA_RETURN_IF_ERROR(CheckCall(message.peer, message.tag));
  return DoRecvPieces(message);
}

absl::Status Transport::SendRecvPieces(const Outgoing& out, const IncomingPieces& in) {
  STRATA_RETURN_IF_ERROR(CheckCall(out.peer, out.tag));
  STRATA_RETURN_IF_ERROR(CheckCall(in.peer, in.tag));
  return DoSendRecvPieces(out, in);
}

absl::Status Transport::DoRecvPieces(const IncomingPieces& message) {
  char* scratch = Scratch(message.bytes);
  STRATA_RETURN_IF_ERROR(DoRecv({message.peer, message.tag, scratch, message.bytes}));
  if (message.bytes > 0) message.take(0, scratch, message.bytes);
  return absl::OkStatus();
}

absl::Status Transport::DoSendRecvPieces(const Outgoing& out, const IncomingPieces& in) {
  char* scratch = Scratch(in.bytes);
  STRATA_RETURN_IF_ERROR(DoSendRecv(out, {in.peer, in.tag, scratch, in.bytes}));
  if (in.bytes > 0) in.take(0, scratch, in.bytes);
  return absl::OkStatus();
}

void Transport::FreeScratch::operator()(char* memory) const {
  ::operator delete[](memory, std::align_val_t{kPieceUnit});
}

char* Transport::Scratch(size_t bytes) {
  if (bytes > scratch_bytes_) {
    scratch_.reset();  // before the new one, so that never both are there
    scratch_.reset(static_cast<char*>(::operator new[](bytes, std::align_val_t{kPieceUnit})));
    scratch_bytes_ = bytes;
  }
  return scratch_.get();
}

absl::Status Transport::Barrier() {
  // In round k a rank hears of the 2^k ranks before it. Hensgen, Finkel & Manber, Two algorithms
  // for barrier synchronization (1988).
  for (int distance = 1; distance < size(); distance *= 2) {
    const int to = (rank() + distance) % size();
    const int from = (rank() + size() - distance) % size();
    STRATA_RETURN_IF_ERROR(Annotate(
        SendRecv({to, kBarrierTag, nullptr, 0}, {from, kBarrierTag, nullptr, 0}), "barrier"));
  }
  if (left_) return CheckCall(0, 0);
  return absl::OkStatus();
}

void Transport::Leave(const absl::Status& reason) {
  if (left_) return;
  left_ = true;
  DoLeave(reason);
}

std::vector<std::string> Transport::LeaveAndListen(const absl::Status& reason, Duration grace) {
  if (left_) return std::vector<std::string>(static_cast<size_t>(size()));
  left_ = true;
  return DoLeaveAndListen(reason, grace);
}

std::vector<std::string> Transport::DoLeaveAndListen(const absl::Status& reason, Duration) {
  DoLeave(reason);
  return std::vector<std::string>(static_cast<size_t>(size()));
}

std::string Describe(int rank, const Outgoing& message) {
  return absl::StrCat("rank ", rank, ": send of ", message.bytes, " bytes to rank ", message.peer,
                      ", tag ", message.tag);
}

std::string Describe(int rank, const Incoming& message) {
  return absl::StrCat("rank ", rank, ": receive of ", message.bytes, " bytes from rank ",
                      message.peer, ", tag ", message.tag);
}

std::string Describe(int rank, const IncomingPieces& message) {
  return Describe(rank, Incoming{message.peer, message.tag, nullptr, message.bytes});
}

std::string FarewellText(const absl::Status& reason) {
  if (reason.ok()) return "it has finished";
  return reason.message().empty() ? reason.ToString() : std::string(reason.message());
}

absl::Status TimedOut(const std::string& what, Transport::Duration timeout) {
  const double seconds = std::chrono::duration<double>(timeout).count();
  return absl::DeadlineExceededError(
      absl::StrCat(what, ": not done after ", seconds,
                   " s; is the other rank alive and making the same calls?"));
}

absl::Status PeerLeft(const std::string& what, int peer, const std::string& reason) {
  return absl::UnavailableError(absl::StrCat(what, ": rank ", peer, " has left the run: ", reason));
}

absl::Status WrongMessage(const std::string& what, int tag, size_t bytes) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": ", bytes, " bytes with tag ", tag,
                   " came; all ranks must make the same calls in the same order"));
}

}  // namespace strata::distributed
