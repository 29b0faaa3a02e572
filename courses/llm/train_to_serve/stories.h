// Text whose entropy is known: short stories drawn from a grammar.
//
//   Anna the sleepy otter lives in the forest.
//   It eats nuts and figs.
//   It fears the wolf.
//   The sleepy otter Anna likes the forest.
//
// Choices are uniform and the text tells them all, so a story's probability is the product of its choices' (Shannon 1948).
// The last line only repeats what the first one said: it costs no bits to who remembers, and many to who does not.
#ifndef STRATA_COURSES_LLM_TRAIN_TO_SERVE_STORIES_H_
#define STRATA_COURSES_LLM_TRAIN_TO_SERVE_STORIES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace strata::courses {

struct Story {
  std::string text;
  double bits = 0;  // -log2 of its probability
};

// The same seed, the same stories.
std::vector<Story> WriteStories(int64_t count, uint64_t seed);

inline constexpr char kEndOfStory[] = "<|endoftext|>";

// One after another, kEndOfStory before each and at the end.
std::string JoinStories(const std::vector<Story>& stories);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LLM_TRAIN_TO_SERVE_STORIES_H_
