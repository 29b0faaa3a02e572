#include "distributed/transport/stream_transport.h"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/transport/doorbell.h"
#include "distributed/transport/patience.h"

namespace strata::distributed {
namespace {

using Bytes = StreamLink::Bytes;

size_t RoundUp(uint64_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// What is left of `parts` after their first `done` bytes.
void DropFront(size_t done, absl::Span<Bytes> parts) {
  for (Bytes& part : parts) {
    const size_t dropped = std::min(done, part.size());
    part.remove_prefix(dropped);
    done -= dropped;
  }
}

// The peer is gone, or talks nonsense.
absl::Status Broken(const std::string& what, int peer, const absl::Status& status) {
  if (absl::IsUnavailable(status)) return PeerLeft(what, peer, std::string(status.message()));
  return Annotate(status, what);
}

}  // namespace

struct StreamTransport::Sending {
  Sending(const Outgoing& what, size_t unit)
      : message(what),
        header_bytes(RoundUp(kFrameHeaderBytes, unit)),
        total(header_bytes + RoundUp(what.bytes, unit)) {
    EncodeFrameHeader({FrameKind::kMessage, what.tag, what.bytes}, header);
  }
  bool done() const { return sent == total; }

  Outgoing message;
  char header[kMostUnit] = {};
  size_t header_bytes;
  size_t total;
  size_t sent = 0;
};

// With `take`, or to `data`.
struct StreamTransport::Receiving {
  explicit Receiving(const IncomingPieces& what, void* to = nullptr)
      : message(what), data(static_cast<char*>(to)) {}

  IncomingPieces message;
  char* data;
  bool done = false;
  absl::Status wrong;  // another message came; it is on its way off the line
};

StreamTransport::StreamTransport(int rank, std::vector<std::unique_ptr<StreamLink>> links,
                                 int spins)
    : rank_(rank), links_(std::move(links)), streams_(links_.size()), spins_(spins) {}

TransportCapabilities StreamTransport::capabilities() const {
  TransportCapabilities capabilities;
  capabilities.between_processes = true;
  capabilities.overwrite_bytes = kOverwriteBytes;
  return capabilities;
}

absl::Status StreamTransport::DoSend(const Outgoing& message) {
  Sending out(message, link(message.peer).unit());
  return Exchange(&out, nullptr);
}

absl::Status StreamTransport::DoRecv(const Incoming& message) {
  const auto none = [](size_t, const void*, size_t) {};
  Receiving in({message.peer, message.tag, message.bytes, none}, message.data);
  return Exchange(nullptr, &in);
}

absl::Status StreamTransport::DoSendRecv(const Outgoing& out_message, const Incoming& message) {
  const auto none = [](size_t, const void*, size_t) {};
  Sending out(out_message, link(out_message.peer).unit());
  Receiving in({message.peer, message.tag, message.bytes, none}, message.data);
  return Exchange(&out, &in);
}

absl::Status StreamTransport::DoRecvPieces(const IncomingPieces& message) {
  Receiving in(message);
  return Exchange(nullptr, &in);
}

absl::Status StreamTransport::DoSendRecvPieces(const Outgoing& out_message,
                                               const IncomingPieces& message) {
  Sending out(out_message, link(out_message.peer).unit());
  Receiving in(message);
  return Exchange(&out, &in);
}

absl::Status StreamTransport::Exchange(Sending* out, Receiving* in) {
  Patience patience(timeout());
  for (int idle = 0;;) {
    bool moved = false;
    if (out != nullptr && !out->done()) {
      STRATA_ASSIGN_OR_RETURN(moved, Advance(*out));
      if (in != nullptr && !out->done()) PutAside(*out);
    }
    if (in != nullptr && !in->done) {
      STRATA_ASSIGN_OR_RETURN(const bool came, Advance(*in));
      moved = moved || came;
    }
    const bool sends = out != nullptr && !out->done(), receives = in != nullptr && !in->done;
    if (!sends && !receives) return absl::OkStatus();
    if (moved) {
      idle = 0;
    } else if (idle++ < spins_) {
      RelaxCore();
    } else if (patience.Over()) {
      if (receives && !in->wrong.ok()) return in->wrong;
      return TimedOut(receives ? Describe(rank_, in->message) : Describe(rank_, out->message),
                      timeout());
    } else {
      Await(receives ? &link(in->message.peer) : nullptr,
            sends ? &link(out->message.peer) : nullptr, patience.deadline());
    }
  }
}

// True when bytes went out.
absl::StatusOr<bool> StreamTransport::Advance(Sending& out) {
  static constexpr char kPadding[kMostUnit] = {};
  const Outgoing& message = out.message;
  Bytes parts[] = {{out.header, out.header_bytes},
                   {static_cast<const char*>(message.data), message.bytes},
                   {kPadding, out.total - out.header_bytes - message.bytes}};
  DropFront(out.sent, absl::MakeSpan(parts));
  const absl::StatusOr<size_t> written = link(message.peer).Write(parts);
  if (!written.ok()) {
    return PeerLeft(Describe(rank_, message), message.peer,
                    LastWords(message.peer, written.status()));
  }
  out.sent += *written;
  stream(message.peer).cut = out.sent > 0 && !out.done();
  return *written > 0;
}

// What is to be sent stays as it is now, whatever `take` does.
void StreamTransport::PutAside(Sending& out) {
  Outgoing& message = out.message;
  if (message.bytes > kOverwriteBytes || message.bytes == 0 || message.data == aside_.data()) {
    return;
  }
  const char* data = static_cast<const char*>(message.data);
  aside_.assign(data, data + message.bytes);
  message.data = aside_.data();
}

// True when bytes came in.
absl::StatusOr<bool> StreamTransport::Advance(Receiving& in) {
  const int peer = in.message.peer;
  Stream& s = stream(peer);
  if (!in.wrong.ok()) return Drop(in);
  for (bool moved = false;;) {
    absl::StatusOr<bool> came = NextFrame(peer);
    if (!came.ok()) return Broken(Describe(rank_, in.message), peer, came.status());
    moved = moved || *came;
    if (s.left) return PeerLeft(Describe(rank_, in.message), peer, s.farewell);
    if (!s.in_message) return moved;
    if (s.frame.tag != in.message.tag || s.frame.bytes != in.message.bytes) {
      in.wrong = WrongMessage(Describe(rank_, in.message), s.frame.tag, s.frame.bytes);
      EndMessage(peer);
      return Drop(in);
    }
    const absl::StatusOr<size_t> taken = TakeSome(in);
    if (!taken.ok()) return Broken(Describe(rank_, in.message), peer, taken.status());
    if (s.taken == in.message.bytes) {
      EndMessage(peer);
      in.done = true;
      return true;
    }
    if (*taken == 0) return moved;
    moved = true;
  }
}

// The error, when the wrong message is off the line; so its sender is not left waiting.
absl::StatusOr<bool> StreamTransport::Drop(Receiving& in) {
  const absl::StatusOr<bool> moved = SkipSome(in.message.peer);
  if (!moved.ok() || stream(in.message.peer).to_skip == 0) return in.wrong;
  return moved;
}

// Comes to the begin of the next message's bytes, if it can: `in_message`. Or to the end: `left`.
absl::StatusOr<bool> StreamTransport::NextFrame(int peer) {
  Stream& s = stream(peer);
  if (s.in_message || s.left) return false;
  STRATA_ASSIGN_OR_RETURN(bool moved, SkipSome(peer));
  if (s.to_skip > 0) return moved;
  const size_t whole = RoundUp(kFrameHeaderBytes, link(peer).unit());
  if (s.header_bytes < whole) {
    STRATA_ASSIGN_OR_RETURN(const size_t came,
                            link(peer).Read(s.header + s.header_bytes, whole - s.header_bytes));
    s.header_bytes += came;
    moved = moved || came > 0;
    if (s.header_bytes < whole) return moved;
    STRATA_ASSIGN_OR_RETURN(s.frame, DecodeFrameHeader(s.header));
    s.farewell.clear();
  }
  if (s.frame.kind == FrameKind::kMessage) {
    s.in_message = true;
    s.taken = 0;
    return true;
  }
  STRATA_ASSIGN_OR_RETURN(const size_t came, ReadFarewell(peer));
  return moved || came > 0;
}

absl::StatusOr<bool> StreamTransport::SkipSome(int peer) {
  Stream& s = stream(peer);
  bool moved = false;
  while (s.to_skip > 0) {
    STRATA_ASSIGN_OR_RETURN(const Bytes come, link(peer).Peek(s.to_skip));
    if (come.empty()) break;
    const size_t skipped = std::min<uint64_t>(come.size(), s.to_skip);
    link(peer).Skip(skipped);
    s.to_skip -= skipped;
    moved = true;
  }
  return moved;
}

absl::StatusOr<size_t> StreamTransport::ReadFarewell(int peer) {
  Stream& s = stream(peer);
  char text[kMostFarewellBytes];
  STRATA_ASSIGN_OR_RETURN(const size_t came,
                          link(peer).Read(text, s.frame.bytes - s.farewell.size()));
  s.farewell.append(text, came);
  s.left = s.farewell.size() == s.frame.bytes;
  return came;
}

// How many bytes of the message it took.
absl::StatusOr<size_t> StreamTransport::TakeSome(Receiving& in) {
  const int peer = in.message.peer;
  Stream& s = stream(peer);
  const size_t remain = in.message.bytes - s.taken;
  if (remain == 0) return 0;
  size_t bytes = 0;
  if (in.data != nullptr) {
    STRATA_ASSIGN_OR_RETURN(bytes, link(peer).Read(in.data + s.taken, remain));
  } else {
    STRATA_ASSIGN_OR_RETURN(const Bytes come, link(peer).Peek(remain));
    bytes = come.size() >= remain ? remain : come.size() / kPieceUnit * kPieceUnit;
    if (bytes > 0) in.message.take(s.taken, come.data(), bytes);
    link(peer).Skip(bytes);
  }
  s.taken += bytes;
  return bytes;
}

// What nobody has taken of it is skipped, and its padding.
void StreamTransport::EndMessage(int peer) {
  Stream& s = stream(peer);
  s.to_skip = RoundUp(s.frame.bytes, link(peer).unit()) - s.taken;
  s.in_message = false;
  s.header_bytes = 0;
}

// Why a peer has left: by its farewell, if that is in what it sent; otherwise by how the stream
// ended or `broken`. "" when it has not, as far as is known.
std::string StreamTransport::LastWords(int peer, const absl::Status& broken) {
  Stream& s = stream(peer);
  absl::Status end = broken;
  while (!s.left) {
    if (s.in_message) EndMessage(peer);
    const absl::StatusOr<bool> moved = NextFrame(peer);
    if (!moved.ok() && end.ok()) end = moved.status();
    if (!moved.ok() || !*moved) break;
  }
  return s.left ? s.farewell : std::string(end.message());
}

void StreamTransport::DoLeave(const absl::Status& reason) {
  SayFarewell(reason);
  Close();
}

std::vector<std::string> StreamTransport::DoLeaveAndListen(const absl::Status& reason,
                                                           Duration grace) {
  SayFarewell(reason);
  std::vector<std::string> said(links_.size());
  const auto deadline = Patience::Clock::now() + grace;
  for (bool all = false; !all;) {
    all = true;
    for (int peer = 0; peer < size(); ++peer) {
      std::string& text = said[static_cast<size_t>(peer)];
      if (peer != rank_ && text.empty()) text = LastWords(peer, absl::OkStatus());
      all = all && (peer == rank_ || !text.empty());
    }
    if (all || Patience::Clock::now() >= deadline) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  Close();
  return said;
}

void StreamTransport::Close() {
  for (int peer = 0; peer < size(); ++peer) {
    if (peer != rank_) link(peer).Close();
  }
}

void StreamTransport::SayFarewell(const absl::Status& reason) {
  std::string text = FarewellText(reason);
  text.resize(std::min<size_t>(text.size(), kMostFarewellBytes));
  char header[kFrameHeaderBytes];
  EncodeFrameHeader({FrameKind::kFarewell, 0, text.size()}, header);
  for (int peer = 0; peer < size(); ++peer) {
    if (peer == rank_) continue;
    // A frame that was begun cannot be ended: the end of the stream must say it.
    if (link(peer).needs_farewell() && !stream(peer).cut) {
      const Bytes parts[] = {{header, kFrameHeaderBytes}, {text.data(), text.size()}};
      link(peer).Write(parts).IgnoreError();
    }
    link(peer).Leave(text);
  }
}

}  // namespace strata::distributed
