// Hello: what two ranks say to each other first on a new connection, so that a stranger, another
// run or another version of this program is noticed before it is believed.
//
//   guest -> host: kHelloBytes    "STRATA", version, rank, size, port, the run's id
//   host -> guest: kAnswerBytes   "STRATA", version, verdict, size of what follows: on kWelcome what
//                                 the guest needs to know, otherwise the reason as text
#ifndef STRATA_DISTRIBUTED_TRANSPORT_HELLO_H_
#define STRATA_DISTRIBUTED_TRANSPORT_HELLO_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::distributed {

inline constexpr size_t kHelloBytes = 96;
inline constexpr size_t kAnswerBytes = 16;
inline constexpr size_t kMostRunIdBytes = 72;
inline constexpr uint32_t kMostAnswerTextBytes = 1 << 20;

struct Hello {
  int rank = 0;  // [0, size)
  int size = 1;
  int port = 0;        // where this rank listens for others; 0: nowhere
  std::string run_id;  // the same on all ranks of a run; a longer one is compared by its begin
};

enum class Verdict : uint8_t {
  kWelcome = 1,
  kRefused = 2,   // it is of no use to try again
  kNotYours = 3,  // another run is meeting here; it may end and yours begin
};

struct Answer {
  Verdict verdict = Verdict::kWelcome;
  uint32_t bytes = 0;  // of what follows
};

void EncodeHello(const Hello& hello, char* bytes);
void EncodeAnswer(const Answer& answer, char* bytes);

// Whether bytes that have come so far may become a hello.
bool MayBeHello(absl::string_view begin);

// DATA_LOSS when the bytes are none, FAILED_PRECONDITION when they are of another version.
absl::StatusOr<Hello> DecodeHello(const char* bytes);
absl::StatusOr<Answer> DecodeAnswer(const char* bytes);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_HELLO_H_
