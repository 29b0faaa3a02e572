#include "courses/distributed/pipeline_zoo/paced.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "chips/timeline/validate.h"
#include "distributed/schedule/messages.h"
#include "distributed/transport/thread_transport.h"

namespace strata::courses {
namespace {

using Clock = std::chrono::steady_clock;
using distributed::Transport;
using schedule::Action;
using schedule::Message;
using schedule::Slot;

constexpr int kTag = 1;
constexpr size_t kSmallBytes = 64;
constexpr size_t kLargeBytes = 64 << 10;

struct Job {
  const schedule::Schedule& schedule;
  const schedule::SlotTimes& times;
  const schedule::Communication& communication;
  std::chrono::nanoseconds unit;
  size_t message_bytes;
};

class PacedRank {
 public:
  PacedRank(const Job& job, Transport& transport)
      : job_(job), transport_(transport), buffer_(job.message_bytes) {}

  absl::StatusOr<std::vector<chips::TimelineEvent>> Run() {
    STRATA_RETURN_IF_ERROR(transport_.Barrier());
    epoch_ = Clock::now();
    for (const Action& action : job_.communication.actions[transport_.rank()])
      STRATA_RETURN_IF_ERROR(Do(action));
    return std::move(events_);
  }

 private:
  absl::Status Do(const Action& action) {
    if (action.kind == Action::kRun) {
      Sleep(job_.schedule.slots[transport_.rank()][action.index]);
      return absl::OkStatus();
    }
    const Message& message = job_.communication.messages[action.index];
    const int64_t index = action.index;
    if (action.kind == Action::kSend) {
      std::memcpy(buffer_.data(), &index, sizeof(index));
      return transport_.Send({message.to_rank, kTag, buffer_.data(), buffer_.size()});
    }
    STRATA_RETURN_IF_ERROR(
        transport_.Recv({message.from_rank, kTag, buffer_.data(), buffer_.size()}));
    int64_t came = 0;
    std::memcpy(&came, buffer_.data(), sizeof(came));
    if (came == index) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("rank ", transport_.rank(), ": message ", came,
                                            " came where message ", index, " was due"));
  }

  void Sleep(const Slot& slot) {
    const auto start = Clock::now();
    std::this_thread::sleep_until(start + job_.times.Of(slot) * job_.unit);
    const auto end = Clock::now();
    chips::TimelineEvent& event = events_.emplace_back();
    event.set_name(SlotName(slot));
    event.set_category(slot.kind == schedule::SlotKind::kForward ? "F" : "back");
    event.set_origin(DescribeSlot(slot));
    event.set_lane(static_cast<uint32_t>(transport_.rank()));
    event.set_start_ns((start - epoch_) / std::chrono::nanoseconds(1));
    event.set_duration_ns((end - start) / std::chrono::nanoseconds(1));
    event.set_step(-1);
  }

  const Job& job_;
  Transport& transport_;
  std::vector<char> buffer_;
  Clock::time_point epoch_;
  std::vector<chips::TimelineEvent> events_;
};

chips::Timeline TimelineOf(const schedule::Schedule& schedule,
                           std::vector<std::vector<chips::TimelineEvent>> by_rank) {
  chips::Timeline timeline;
  timeline.set_version(chips::kTimelineVersion);
  timeline.set_name(schedule.name);
  timeline.set_source(chips::MEASURED);
  std::vector<chips::TimelineEvent> all;
  for (size_t rank = 0; rank < by_rank.size(); ++rank) {
    timeline.add_lanes(absl::StrCat("rank ", rank));
    all.insert(all.end(), by_rank[rank].begin(), by_rank[rank].end());
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::make_tuple(a.start_ns(), a.lane()) < std::make_tuple(b.start_ns(), b.lane());
  });
  for (const chips::TimelineEvent& event : all) *timeline.add_events() = event;
  return timeline;
}

}  // namespace

absl::StatusOr<chips::Timeline> RunPaced(const schedule::Schedule& schedule,
                                         const schedule::SlotTimes& times,
                                         std::chrono::nanoseconds unit, PacedMessages messages) {
  const bool small = messages == PacedMessages::kSmall;
  STRATA_ASSIGN_OR_RETURN(
      const auto communication,
      schedule::CommunicationOf(
          schedule, times, small ? schedule::Sends::kReturnAtOnce : schedule::Sends::kMayWait));
  const Job job = {schedule, times, communication, unit, small ? kSmallBytes : kLargeBytes};
  std::vector<std::vector<chips::TimelineEvent>> by_rank(schedule.ranks);
  STRATA_RETURN_IF_ERROR(
      distributed::RunThreadRanks(schedule.ranks, [&](Transport& transport) -> absl::Status {
        STRATA_ASSIGN_OR_RETURN(by_rank[transport.rank()], PacedRank(job, transport).Run());
        return absl::OkStatus();
      }));
  return TimelineOf(schedule, std::move(by_rank));
}

int64_t EndOf(const chips::Timeline& timeline) {
  int64_t end = 0;
  for (const chips::TimelineEvent& event : timeline.events())
    end = std::max(end, event.start_ns() + event.duration_ns());
  return end;
}

}  // namespace strata::courses
