#include "courses/llm/train_to_serve/stories.h"

#include <cmath>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace strata::courses {
namespace {

// Sizes are powers of two, so that the low bits of a random number choose uniformly.
constexpr const char* kNames[] = {"Anna", "Ben",   "Clara", "David",
                                  "Ella", "Frank", "Greta", "Hugo"};
constexpr const char* kManners[] = {"sleepy", "hungry", "brave", "clever",
                                    "quiet",  "merry",  "tiny",  "old"};
constexpr const char* kAnimals[] = {"otter", "fox", "wolf", "bear", "hare", "crow", "mouse", "owl"};
constexpr const char* kPlaces[] = {"forest",  "valley",  "garden",   "desert",
                                   "harbour", "village", "mountain", "meadow"};
constexpr const char* kFoods[] = {"nuts", "figs", "bread",  "berries",
                                  "fish", "corn", "apples", "honey"};
constexpr const char* kSeasons[] = {"spring", "summer", "autumn", "winter"};
constexpr int kMiddleLines = 2;

class Writer {
 public:
  explicit Writer(uint64_t seed) : random_(seed) {}

  Story Next() {
    bits_ = 0;
    const std::string name = Pick(kNames), manner = Pick(kManners), animal = Pick(kAnimals),
                      place = Pick(kPlaces);
    std::string text =
        absl::StrCat(name, " the ", manner, " ", animal, " lives in the ", place, ".\n");
    for (int i = 0; i < kMiddleLines; ++i) absl::StrAppend(&text, MiddleLine());
    absl::StrAppend(&text, "The ", manner, " ", animal, " ", name, " likes the ", place, ".\n");
    return {std::move(text), bits_};
  }

 private:
  const char* Pick(absl::Span<const char* const> words) {
    bits_ += std::log2(static_cast<double>(words.size()));
    return words[random_() % words.size()];
  }

  std::string MiddleLine() {
    bits_ += 2;
    switch (random_() % 4) {
      case 0: {
        const std::string first = Pick(kFoods), second = Pick(kFoods);
        return absl::StrCat("It eats ", first, " and ", second, ".\n");
      }
      case 1: {
        const std::string season = Pick(kSeasons), place = Pick(kPlaces);
        return absl::StrCat("In ", season, " it visits the ", place, ".\n");
      }
      case 2:
        return absl::StrCat("It fears the ", Pick(kAnimals), ".\n");
      default:
        return absl::StrCat("A ", Pick(kAnimals), " is its friend.\n");
    }
  }

  std::mt19937_64 random_;
  double bits_ = 0;
};

}  // namespace

std::vector<Story> WriteStories(int64_t count, uint64_t seed) {
  Writer writer(seed);
  std::vector<Story> stories;
  for (int64_t i = 0; i < count; ++i) stories.push_back(writer.Next());
  return stories;
}

std::string JoinStories(const std::vector<Story>& stories) {
  std::string text = kEndOfStory;
  for (const Story& story : stories) absl::StrAppend(&text, story.text, kEndOfStory);
  return text;
}

}  // namespace strata::courses
