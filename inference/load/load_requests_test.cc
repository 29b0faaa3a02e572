#include "inference/load/load_requests.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/file.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::inference {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string FileWith(const std::string& name, absl::string_view content) {
  const std::string path = JoinPath(testing::TempDir(), name);
  EXPECT_OK(WriteFileAtomic(path, content));
  return path;
}

TEST(RandomRequests, LengthsAreInRangeAndIdsInTheVocabulary) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto requests, RandomRequests({.count = 400,
                                                                   .input_tokens = 20,
                                                                   .output_tokens = 10,
                                                                   .range = 0.5,
                                                                   .prefix_tokens = 3,
                                                                   .vocabulary = 50}));
  ASSERT_EQ(requests.size(), 400u);
  std::set<size_t> lengths;
  std::set<int64_t> outputs;
  std::set<int32_t> ids;
  for (const LoadRequest& request : requests) {
    lengths.insert(request.ids.size());
    outputs.insert(request.output_tokens);
    ids.insert(request.ids.begin(), request.ids.end());
    EXPECT_TRUE(std::equal(request.ids.begin(), request.ids.begin() + 3, requests[0].ids.begin()));
  }
  EXPECT_EQ(*lengths.begin(), 13u);
  EXPECT_EQ(*lengths.rbegin(), 33u);
  EXPECT_EQ(*outputs.begin(), 5);
  EXPECT_EQ(*outputs.rbegin(), 15);
  EXPECT_EQ(ids.size(), 50u);
  EXPECT_EQ(*ids.begin(), 0);
  EXPECT_EQ(*ids.rbegin(), 49);
}

TEST(RandomRequests, SeedsDecideAndNothingElse) {
  const RandomRequestOptions options{.count = 5, .input_tokens = 8, .vocabulary = 1000, .seed = 4};
  RandomRequestOptions other = options;
  other.seed = 5;
  STRATA_ASSERT_OK_AND_ASSIGN(const auto a, RandomRequests(options));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto b, RandomRequests(options));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto c, RandomRequests(other));
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].ids, b[i].ids);
    EXPECT_NE(a[i].ids, c[i].ids);
    EXPECT_EQ(a[i].ids.size(), 8u);
    EXPECT_EQ(a[i].output_tokens, 128);
  }
}

TEST(RandomRequests, RefusesWhatCannotBe) {
  const auto refused = [](const RandomRequestOptions& options, const char* what) {
    EXPECT_THAT(RandomRequests(options),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what)));
  };
  refused({.count = -1, .vocabulary = 9}, "requests: -1 is below 0");
  refused({.input_tokens = 0, .vocabulary = 9}, "input length: 0 is below 1");
  refused({.output_tokens = 0, .vocabulary = 9}, "output length: 0 is below 1");
  refused({.range = 1, .vocabulary = 9}, "range ratio: 1 is outside [0, 1)");
  refused({.vocabulary = 0}, "vocabulary: 0 is below 1");
}

TEST(PrefixRequests, EachPrefixIsSharedByItsShare) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto requests, PrefixRequests({.count = 30,
                                                                   .prefixes = 3,
                                                                   .prefix_tokens = 6,
                                                                   .suffix_tokens = 4,
                                                                   .output_tokens = 2,
                                                                   .vocabulary = 1000}));
  std::map<std::vector<int32_t>, int> prefixes;
  std::set<std::vector<int32_t>> prompts;
  for (const LoadRequest& request : requests) {
    ASSERT_EQ(request.ids.size(), 10u);
    EXPECT_EQ(request.output_tokens, 2);
    ++prefixes[{request.ids.begin(), request.ids.begin() + 6}];
    prompts.insert(request.ids);
  }
  ASSERT_EQ(prefixes.size(), 3u);
  for (const auto& [prefix, count] : prefixes) EXPECT_EQ(count, 10);
  EXPECT_EQ(prompts.size(), 30u);
  EXPECT_THAT(PrefixRequests({.prefixes = 0, .vocabulary = 5}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("prefixes: 0 is below 1")));
}

TEST(ReadRequests, TextsIdsAndRepetition) {
  const std::string path = FileWith("requests.jsonl",
                                    "{\"prompt\": \"Once\"}\n\n"
                                    "{\"prompt\": [5, 6], \"output_tokens\": 3}\n");
  STRATA_ASSERT_OK_AND_ASSIGN(const auto requests, ReadRequests(path, 3, 7));
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].text, "Once");
  EXPECT_EQ(requests[0].output_tokens, 7);
  EXPECT_THAT(requests[1].ids, ElementsAre(5, 6));
  EXPECT_EQ(requests[1].output_tokens, 3);
  EXPECT_EQ(requests[2].text, "Once");
}

TEST(ReadRequests, ErrorsNameTheLine) {
  const auto refused = [](absl::string_view content, const char* what) {
    EXPECT_THAT(ReadRequests(FileWith("bad.jsonl", content), 1, 1),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what)));
  };
  refused("{\"prompt\": \"a\"}\nnonsense\n", "bad.jsonl:2: is not one JSON object a line");
  refused("{}", "bad.jsonl:1: prompt: is missing");
  refused("{\"prompt\": 5}", "prompt: is neither a text nor");
  refused("{\"prompt\": []}", "prompt: is empty");
  refused("{\"prompt\": [1, -2]}", "prompt: -2 is no token id");
  refused("{\"prompt\": \"a\", \"output_tokens\": 0}", "output_tokens: 0 is outside [1,");
  refused("{\"prompt\": \"a\", \"output_tokens\": 1.5}", "output_tokens: is not an integer");
  refused("\n\n", "has no requests");
  EXPECT_THAT(ReadRequests("/nonexistent/file", 1, 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/file")));
}

TEST(ReadTrace, BlocksWithOneIdAreTheSameTokens) {
  const std::string path = FileWith("trace.jsonl",
                                    "{\"timestamp\": 3000, \"input_length\": 1100, "
                                    "\"output_length\": 7, \"hash_ids\": [1, 2, 3]}\n"
                                    "{\"timestamp\": 1000, \"input_length\": 1030, "
                                    "\"output_length\": 9, \"hash_ids\": [1, 9, 8]}\n"
                                    "{\"timestamp\": 1500}\n");
  STRATA_ASSERT_OK_AND_ASSIGN(const Trace trace,
                              ReadTrace(path, {.input_tokens = 40, .vocabulary = 32000}));
  EXPECT_THAT(trace.times, ElementsAre(0, 0.5, 2));
  ASSERT_EQ(trace.requests.size(), 3u);
  const auto& late = trace.requests[2].ids;
  const auto& early = trace.requests[0].ids;
  EXPECT_EQ(early.size(), 1030u);
  EXPECT_EQ(late.size(), 1100u);
  EXPECT_EQ(trace.requests[1].ids.size(), 40u);
  EXPECT_EQ(trace.requests[0].output_tokens, 9);
  EXPECT_TRUE(std::equal(late.begin(), late.begin() + 512, early.begin()));
  EXPECT_FALSE(std::equal(late.begin() + 512, late.begin() + 1024, early.begin() + 512));
  STRATA_ASSERT_OK_AND_ASSIGN(const Trace first,
                              ReadTrace(path, {.count = 1, .vocabulary = 32000}));
  EXPECT_EQ(first.requests.size(), 1u);
}

TEST(ReadTrace, ErrorsNameTheLine) {
  const auto refused = [](absl::string_view content, const char* what) {
    EXPECT_THAT(ReadTrace(FileWith("bad_trace.jsonl", content), {.vocabulary = 10}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what)));
  };
  refused("{\"timestamp\": \"now\"}", "bad_trace.jsonl:1: timestamp: is missing");
  refused("{\"timestamp\": 0, \"input_length\": 0}", "input_length: 0 is outside [1,");
  refused("{\"timestamp\": 0, \"hash_ids\": 4}", "hash_ids: is not a list");
  refused("{\"timestamp\": 0, \"hash_ids\": [\"a\"]}", "hash_ids: \"a\" is not an integer");
  EXPECT_THAT(ReadTrace(FileWith("t.jsonl", "{\"timestamp\": 0}"), {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("vocabulary: 0 is below 1")));
}

}  // namespace
}  // namespace strata::inference
