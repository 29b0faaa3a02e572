// Who sends what to whom, in which order: derived from a schedule, the same at both ends of each
// pair.
//
//   STRATA_ASSIGN_OR_RETURN(const Communication all, CommunicationOf(schedule));
//   for (const Action& action : all.actions[rank]) {
//     switch (action.kind) {
//       case Action::kReceive: inbox[action.index] = Receive(all.messages[action.index]); break;
//       case Action::kRun: Run(schedule.slots[rank][action.index]); break;
//       case Action::kSend: Send(all.messages[action.index]); break;
//     }
//   }
//
// A message carries the activations of a chunk to the rank of the next one, or the gradient of a
// chunk's inputs to the rank of the one before. What stays on a rank is no message.
//
// Behind the actions of all ranks stands one order of everything (that of a replay), in which a
// message is one event of both its ends. So no rank ever waits for another in a circle, even where
// a send returns only when it was received, and two ranks meet the messages between them in one
// order: no tags are needed. A receive stands before the slot that needs it, perhaps by several
// slots: keep what came.
#ifndef STRATA_DISTRIBUTED_SCHEDULE_MESSAGES_H_
#define STRATA_DISTRIBUTED_SCHEDULE_MESSAGES_H_

#include <vector>

#include "base/status.h"
#include "distributed/schedule/replay.h"
#include "distributed/schedule/schedule.h"

namespace strata::schedule {

struct Message {
  SlotKind kind = SlotKind::kForward;  // kForward: activations; kBackward: a gradient
  int microbatch = 0;
  int from_chunk = 0;
  int to_chunk = 0;  // from_chunk + 1 of activations, - 1 of a gradient
  int from_rank = 0;
  int to_rank = 0;
  int from_slot = 0;  // index into slots[from_rank]: who makes it
  int to_slot = 0;    // index into slots[to_rank]: who needs it

  friend bool operator==(const Message&, const Message&) = default;
};

struct Action {
  enum Kind { kReceive, kRun, kSend };
  Kind kind = kRun;
  int index = 0;  // into messages; of kRun into the rank's slots

  friend bool operator==(const Action&, const Action&) = default;
};

struct Communication {
  std::vector<Message> messages;             // in that one order
  std::vector<std::vector<Action>> actions;  // by rank, in order of execution
};

// What a send may be relied on to do.
enum class Sends {
  // Return only when it was received (rendezvous). A receive then stands where the message is made,
  // so that the sender goes on: ranks keep step with each other.
  kMayWait,
  // Return at once, whatever the receiver does. A receive then stands as late as it can: before the
  // slot that needs the message, or one sent after it by the same rank. Who is late delays nobody
  // else.
  kReturnAtOnce,
};

// `times` say which of the many orders is taken: that of a replay with them. INVALID_ARGUMENT for a
// schedule that deadlocks; expects one that is valid otherwise.
absl::StatusOr<Communication> CommunicationOf(const Schedule& schedule, const SlotTimes& times = {},
                                              Sends sends = Sends::kMayWait);

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_MESSAGES_H_
