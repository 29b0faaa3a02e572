// The recall task: a text of filler with one key in it; after the key, every token asks for it.
//
//   filler filler KEY filler filler filler ...
//   none   none   KEY KEY    KEY    KEY            <- what is wanted
//
// So one text asks at every distance from the key. Filler is drawn at random and says nothing.
#ifndef STRATA_COURSES_LLM_LONG_CONTEXT_RECALL_TASK_H_
#define STRATA_COURSES_LLM_LONG_CONTEXT_RECALL_TASK_H_

#include <cstdint>
#include <random>
#include <vector>

namespace strata::courses {

inline constexpr int32_t kKeys = 8, kFillers = 7, kNone = kKeys + kFillers;  // kNone: no key yet
inline constexpr int64_t kRecallVocabulary = kNone + 1;
inline constexpr int64_t kRecallTokens = 32;  // of a text
inline constexpr int64_t kLatestKey = 12;     // where a key stands at the latest, in training

// The text with the key at `place`: tokens [kRecallTokens].
inline std::vector<int32_t> RecallText(int32_t key, int64_t place, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> text(kRecallTokens);
  for (int32_t& token : text) token = kKeys + static_cast<int32_t>(random() % kFillers);
  text[static_cast<size_t>(place)] = key;
  return text;
}

}  // namespace strata::courses

#endif  // STRATA_COURSES_LLM_LONG_CONTEXT_RECALL_TASK_H_
