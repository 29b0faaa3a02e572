#include "distributed/transport/mpi_transport.h"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <thread>

#include "absl/strings/str_cat.h"
#include "distributed/transport/world.h"

namespace strata::distributed {
namespace {

constexpr int kFarewellTag = kBarrierTag + 1;  // below the 32767 that MPI promises
constexpr size_t kFarewellBytes = 512;
constexpr char kGoodOrder = '+', kInTrouble = '-';  // a farewell's first byte; the reason follows
constexpr size_t kPieceBytes = size_t{1} << 30;     // MPI counts with int

void FinalizeAtExit() {
  int finalized = 0;
  if (MPI_Finalized(&finalized) == MPI_SUCCESS && !finalized) MPI_Finalize();
}

absl::Status InitializeMpi() {
  int initialized = 0, finalized = 0, provided = 0;
  STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Finalized(&finalized), "MPI_Finalized"));
  if (finalized)
    return absl::FailedPreconditionError("MPI is finalised in this process; it starts once");
  STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Initialized(&initialized), "MPI_Initialized"));
  if (initialized) {
    STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Query_thread(&provided), "MPI_Query_thread"));
  } else {
    STRATA_RETURN_IF_ERROR(MpiStatus(
        MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread"));
    std::atexit(FinalizeAtExit);
  }
  if (provided < MPI_THREAD_SERIALIZED) {
    return absl::FailedPreconditionError(
        "this MPI gives no MPI_THREAD_SERIALIZED; use one built with threads");
  }
  return absl::OkStatus();
}

size_t Pieces(size_t bytes) { return std::max<size_t>(1, (bytes + kPieceBytes - 1) / kPieceBytes); }

int PieceBytes(size_t bytes, size_t piece) {
  return static_cast<int>(std::min(kPieceBytes, bytes - piece * kPieceBytes));
}

absl::StatusOr<std::unique_ptr<World>> MakeWorld(int ranks) {
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<MpiTransport> transport, MpiTransport::Create());
  if (ranks != 0 && ranks != transport->size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("mpi: ", ranks, " ranks are asked for, but this run has ", transport->size(),
                     "; start it with: mpirun -n ", ranks));
  }
  auto world = std::make_unique<World>();
  world->local.push_back(std::move(transport));
  return world;
}

}  // namespace

struct MpiTransport::Waiting {
  std::string what;
  int peer;  // -1: all of them
  Clock::time_point deadline;
};

absl::Status MpiStatus(int code, absl::string_view what) {
  if (code == MPI_SUCCESS) return absl::OkStatus();
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, text, &length);
  return absl::InternalError(absl::StrCat(what, ": ", text));
}

absl::StatusOr<std::unique_ptr<MpiTransport>> MpiTransport::Create() {
  STRATA_RETURN_IF_ERROR(InitializeMpi());
  // Never freed: a late farewell must not find its way into a later communicator with the same
  // number.
  MPI_Comm communicator = MPI_COMM_NULL;
  STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Comm_dup(MPI_COMM_WORLD, &communicator), "MPI_Comm_dup"));
  STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN),
                                   "MPI_Comm_set_errhandler"));
  int rank = 0, size = 0;
  STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Comm_rank(communicator, &rank), "MPI_Comm_rank"));
  STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Comm_size(communicator, &size), "MPI_Comm_size"));
  return std::unique_ptr<MpiTransport>(new MpiTransport(communicator, rank, size));
}

MpiTransport::MpiTransport(MPI_Comm communicator, int rank, int size)
    : communicator_(communicator),
      rank_(rank),
      size_(size),
      farewells_(static_cast<size_t>(size)) {}

absl::Status MpiTransport::ReadFarewell(int peer) {
  int there = 0;
  MPI_Status status;
  STRATA_RETURN_IF_ERROR(
      MpiStatus(MPI_Iprobe(peer, kFarewellTag, communicator_, &there, &status), "MPI_Iprobe"));
  if (!there) return absl::OkStatus();
  char text[kFarewellBytes];
  STRATA_RETURN_IF_ERROR(MpiStatus(
      MPI_Recv(text, kFarewellBytes, MPI_CHAR, peer, kFarewellTag, communicator_, &status),
      "MPI_Recv"));
  int length = 0;
  MPI_Get_count(&status, MPI_CHAR, &length);
  const std::string farewell(text, static_cast<size_t>(length));
  farewells_[static_cast<size_t>(peer)] = {true, farewell[0] == kGoodOrder, farewell.substr(1)};
  return absl::OkStatus();
}

// A peer that will not do what is waited for, or -1. A collective may have been done by a peer that
// finished since.
absl::StatusOr<int> MpiTransport::WhoLeft(const Waiting& waiting) {
  const bool all = waiting.peer < 0;
  for (int peer = all ? 0 : waiting.peer; peer < (all ? size_ : waiting.peer + 1); ++peer) {
    if (peer == rank_) continue;
    STRATA_RETURN_IF_ERROR(ReadFarewell(peer));
    const Farewell& farewell = farewells_[static_cast<size_t>(peer)];
    if (farewell.came && !(all && farewell.in_good_order)) return peer;
  }
  return -1;
}

// Asks `done` until it is, the deadline passes or a peer that is waited for has left. First in
// haste, then giving the core away, as ranks may outnumber cores. What a peer sent before its
// farewell gets a little more time to arrive.
absl::Status MpiTransport::Poll(const Waiting& waiting,
                                absl::FunctionRef<absl::StatusOr<bool>()> done) {
  constexpr int kHaste = 500, kLookUp = 100;
  constexpr auto kGrace = std::chrono::milliseconds(100);
  int left = -1;
  Clock::time_point grace;
  for (int64_t round = 1;; ++round) {
    STRATA_ASSIGN_OR_RETURN(const bool is_done, done());
    if (is_done) return absl::OkStatus();
    if (round < kHaste) continue;
    if (left < 0 && round % kLookUp == 0) {
      STRATA_ASSIGN_OR_RETURN(left, WhoLeft(waiting));
      grace = Clock::now() + kGrace;
    }
    const auto now = Clock::now();
    if (left >= 0 && now >= grace)
      return PeerLeft(waiting.what, left, farewells_[static_cast<size_t>(left)].reason);
    if (now >= waiting.deadline) return TimedOut(waiting.what, timeout());
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

absl::Status MpiTransport::Start(const Outgoing& message, std::vector<MPI_Request>* requests) {
  const size_t pieces = Pieces(message.bytes);
  for (size_t piece = 0; piece < pieces; ++piece) {
    MPI_Request request = MPI_REQUEST_NULL;
    const char* data = static_cast<const char*>(message.data) + piece * kPieceBytes;
    STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Isend(data, PieceBytes(message.bytes, piece), MPI_BYTE,
                                               message.peer, message.tag, communicator_, &request),
                                     Describe(rank_, message)));
    requests->push_back(request);
  }
  return absl::OkStatus();
}

absl::Status MpiTransport::Finish(const Outgoing& message, std::vector<MPI_Request>* requests,
                                  Clock::time_point deadline) {
  return Poll({Describe(rank_, message), message.peer, deadline}, [&]() -> absl::StatusOr<bool> {
    int done = 0;
    const int code = MPI_Testall(static_cast<int>(requests->size()), requests->data(), &done,
                                 MPI_STATUSES_IGNORE);
    STRATA_RETURN_IF_ERROR(MpiStatus(code, Describe(rank_, message)));
    return done != 0;
  });
}

// Takes a message of the wrong kind off the line.
absl::Status MpiTransport::Drop(MPI_Message* matched, int bytes, const Waiting& waiting) {
  dropped_.push_back(std::make_unique<char[]>(static_cast<size_t>(bytes)));
  MPI_Request request = MPI_REQUEST_NULL;
  STRATA_RETURN_IF_ERROR(MpiStatus(
      MPI_Imrecv(dropped_.back().get(), bytes, MPI_BYTE, matched, &request), waiting.what));
  STRATA_RETURN_IF_ERROR(Poll(waiting, [&]() -> absl::StatusOr<bool> {
    int done = 0;
    STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Test(&request, &done, MPI_STATUS_IGNORE), waiting.what));
    return done != 0;
  }));
  dropped_.pop_back();
  return absl::OkStatus();
}

absl::Status MpiTransport::ReceivePiece(const Incoming& message, char* data, int bytes,
                                        Clock::time_point deadline) {
  const Waiting waiting = {Describe(rank_, message), message.peer, deadline};
  MPI_Message matched = MPI_MESSAGE_NULL;
  MPI_Status status;
  // Any tag, so that a message out of turn is an error at once and not a wait without end.
  STRATA_RETURN_IF_ERROR(Poll(waiting, [&]() -> absl::StatusOr<bool> {
    int there = 0;
    STRATA_RETURN_IF_ERROR(MpiStatus(
        MPI_Iprobe(message.peer, MPI_ANY_TAG, communicator_, &there, &status), waiting.what));
    if (!there || status.MPI_TAG == kFarewellTag) return false;  // Poll reads farewells
    STRATA_RETURN_IF_ERROR(MpiStatus(
        MPI_Improbe(message.peer, status.MPI_TAG, communicator_, &there, &matched, &status),
        waiting.what));
    return there != 0;
  }));
  int came = 0;
  MPI_Get_count(&status, MPI_BYTE, &came);
  if (status.MPI_TAG != message.tag || came != bytes) {
    const absl::Status wrong =
        WrongMessage(waiting.what, status.MPI_TAG, static_cast<size_t>(came));
    STRATA_RETURN_IF_ERROR(Drop(&matched, came, waiting));
    return wrong;
  }
  MPI_Request request = MPI_REQUEST_NULL;
  STRATA_RETURN_IF_ERROR(
      MpiStatus(MPI_Imrecv(data, bytes, MPI_BYTE, &matched, &request), waiting.what));
  return Poll(waiting, [&]() -> absl::StatusOr<bool> {
    int done = 0;
    STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Test(&request, &done, MPI_STATUS_IGNORE), waiting.what));
    return done != 0;
  });
}

absl::Status MpiTransport::Receive(const Incoming& message, Clock::time_point deadline) {
  const size_t pieces = Pieces(message.bytes);
  for (size_t piece = 0; piece < pieces; ++piece) {
    char* data = static_cast<char*>(message.data) + piece * kPieceBytes;
    STRATA_RETURN_IF_ERROR(ReceivePiece(message, data, PieceBytes(message.bytes, piece), deadline));
  }
  return absl::OkStatus();
}

absl::Status MpiTransport::DoSend(const Outgoing& message) {
  std::vector<MPI_Request> requests;
  STRATA_RETURN_IF_ERROR(Start(message, &requests));
  return Finish(message, &requests, Clock::now() + timeout());
}

absl::Status MpiTransport::DoRecv(const Incoming& message) {
  return Receive(message, Clock::now() + timeout());
}

absl::Status MpiTransport::DoSendRecv(const Outgoing& out, const Incoming& in) {
  const auto deadline = Clock::now() + timeout();
  std::vector<MPI_Request> requests;
  STRATA_RETURN_IF_ERROR(Start(out, &requests));
  STRATA_RETURN_IF_ERROR(Receive(in, deadline));
  return Finish(out, &requests, deadline);
}

absl::Status MpiTransport::AwaitCollective(MPI_Request* request, const std::string& what) {
  const Waiting waiting = {absl::StrCat("rank ", rank_, ": ", what), -1, Clock::now() + timeout()};
  return Poll(waiting, [&]() -> absl::StatusOr<bool> {
    int done = 0;
    STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Test(request, &done, MPI_STATUS_IGNORE), waiting.what));
    return done != 0;
  });
}

void MpiTransport::DoLeave(const absl::Status& reason) {
  // MPI may read the text whenever it likes: it stays.
  static auto* farewells = new std::deque<std::string>;
  farewells->push_back(
      absl::StrCat(std::string(1, reason.ok() ? kGoodOrder : kInTrouble), FarewellText(reason)));
  std::string& text = farewells->back();
  text.resize(std::min(text.size(), kFarewellBytes));
  for (int peer = 0; peer < size_; ++peer) {
    if (peer == rank_) continue;
    MPI_Request request = MPI_REQUEST_NULL;
    const int bytes = static_cast<int>(text.size());
    if (MPI_Isend(text.data(), bytes, MPI_CHAR, peer, kFarewellTag, communicator_, &request) ==
        MPI_SUCCESS) {
      MPI_Request_free(&request);
    }
  }
}

std::vector<std::string> MpiTransport::DoLeaveAndListen(const absl::Status& reason,
                                                        Duration grace) {
  DoLeave(reason);
  std::vector<std::string> said(static_cast<size_t>(size_));
  const auto deadline = Clock::now() + grace;
  for (bool all = false; !all && Clock::now() < deadline;) {
    all = true;
    for (int peer = 0; peer < size_; ++peer) {
      const size_t at = static_cast<size_t>(peer);
      if (peer == rank_ || farewells_[at].came) continue;
      ReadFarewell(peer).IgnoreError();
      all = all && farewells_[at].came;
    }
    if (!all) std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  for (size_t peer = 0; peer < said.size(); ++peer) said[peer] = farewells_[peer].reason;
  return said;
}

void RegisterMpiTransport() { WorldRegistry().Register("mpi", MakeWorld); }

}  // namespace strata::distributed
