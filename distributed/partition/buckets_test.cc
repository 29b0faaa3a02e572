// Which collectives are joined, and where the bucket stands.
#include "distributed/partition/buckets.h"

#include <string>

#include "base/status_matchers.h"
#include "framework/graph/text.h"

namespace strata::distributed {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Two gradients and a third of another group; %g1 is read between them when `read_early`.
graph::Graph Gradients(bool read_early) {
  const std::string text = std::string(R"(graph "g" {
    %a: f32[4, 2] = input data
    %b: f32[3] = input data
    %c: f32[3] = input data
    %g1: f32[4, 2] gradient_of("p") = all_reduce(%a) {group = "dp", ranks = 2, reduction = "sum"}
    %g3: f32[3] gradient_of("r") = all_reduce(%c) {group = "tp", ranks = 2, reduction = "sum"})") +
                           (read_early ? "\n%early: f32[4, 2] = neg(%g1)\n" : "\n") + R"(
    %g2: f32[3] gradient_of("q") = all_reduce(%b) {group = "dp", ranks = 2, reduction = "sum"}
    %y1: f32[4, 2] = neg(%g1)
    %y2: f32[3] = neg(%g2)
    %y3: f32[3] = neg(%g3)
    return %y1 as "y1" replicated
    return %y2 as "y2" replicated
    return %y3 as "y3" replicated
  })";
  absl::StatusOr<graph::Graph> graph = graph::ParseGraph(text, "test");
  EXPECT_OK(graph);
  return graph.value_or(graph::Graph());
}

std::string Bucketed(const graph::Graph& graph, int64_t bytes) {
  absl::StatusOr<graph::Graph> result = BucketCollectives(graph, bytes);
  EXPECT_OK(result);
  return result.ok() ? PrintGraph(*result) : "";
}

TEST(BucketsTest, OneKindIsJoined) {
  const std::string text = Bucketed(Gradients(false), 1000);
  EXPECT_THAT(text, HasSubstr("%bucket_0: f32[1, 11] = concat("));
  EXPECT_THAT(
      text, HasSubstr("%bucket_0.all_reduce: f32[1, 11] = all_reduce(%bucket_0) {group = \"dp\""));
  EXPECT_THAT(text, HasSubstr("%g3: f32[3] gradient_of(\"r\") = all_reduce(%c) {group = \"tp\""));
  EXPECT_THAT(text, HasSubstr("%g2: f32[3] gradient_of(\"q\") = reshape("));
}

TEST(BucketsTest, WhatIsReadDoesNotWait) {
  EXPECT_THAT(Bucketed(Gradients(true), 1000), Not(HasSubstr("bucket_0")));
}

TEST(BucketsTest, TheLimitHolds) {
  EXPECT_EQ(Bucketed(Gradients(false), 0), PrintGraph(Gradients(false)));
  EXPECT_THAT(Bucketed(Gradients(false), 43), Not(HasSubstr("bucket_0"))) << "32 and 12 bytes";
  EXPECT_THAT(Bucketed(Gradients(false), 44), HasSubstr("bucket_0"));
}

}  // namespace
}  // namespace strata::distributed
