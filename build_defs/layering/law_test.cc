#include "build_defs/layering/law.h"

#include <gtest/gtest.h>

namespace strata::layering {
namespace {

bool Allowed(const Edge& edge) { return !BrokenBy(edge).has_value(); }
bool Allowed(const Include& include) { return !BrokenBy(include).has_value(); }

TEST(LawTest, EdgesGoDownOrStay) {
  EXPECT_TRUE(Allowed(Edge{"//compiler/plan:plan", "//framework/graph:graph"}));
  EXPECT_TRUE(Allowed(Edge{"//llm/train:train", "//chips/spec:chip_proto"}));
  EXPECT_TRUE(Allowed(Edge{"//compiler/plan:plan", "//compiler/plan:plan_proto"}));
  EXPECT_TRUE(Allowed(Edge{"//:strata", "//cli:main"}));
  EXPECT_TRUE(Allowed(Edge{"//cli:main", "//courses/tour:tour"}));
  EXPECT_TRUE(Allowed(Edge{"//chips:chips", "//third_party/absl:status"}));
}

TEST(LawTest, EdgesDoNotGoUp) {
  EXPECT_FALSE(Allowed(Edge{"//base:status", "//chips/spec:spec"}));
  EXPECT_FALSE(Allowed(Edge{"//chips/cost:cost", "//framework/graph:graph"}));
  EXPECT_FALSE(Allowed(Edge{"//framework/nn:nn", "//compiler/plan:plan"}));
  EXPECT_FALSE(Allowed(Edge{"//compiler/device:cpu", "//distributed/plan:plan"}));
  EXPECT_FALSE(Allowed(Edge{"//inference/engine:engine", "//llm/model:gpt"}));
  EXPECT_TRUE(Allowed(Edge{"//inference/bench:llm", "//llm/model:gpt"}));
  EXPECT_FALSE(Allowed(Edge{"//inference/engine:engine", "//inference/bench:llm"}));
  EXPECT_FALSE(Allowed(Edge{"//llm/eval:eval", "//courses/lab:lab"}));
  EXPECT_FALSE(Allowed(Edge{"//courses/tour:tour", "//:strata"}));
  EXPECT_FALSE(Allowed(Edge{"//courses/tour:tour", "//cli:main"}));
}

TEST(LawTest, EdgesDoNotCrossAFloor) {
  EXPECT_FALSE(Allowed(Edge{"//distributed/planner:planner", "//inference/engine:engine"}));
  EXPECT_FALSE(Allowed(Edge{"//inference/engine:engine", "//distributed/collective:ring"}));
}

TEST(LawTest, EveryFolderHasAFloor) {
  EXPECT_FALSE(Allowed(Edge{"//chips/cost:cost", "//utils:misc"}));
  EXPECT_FALSE(Allowed(Edge{"//utils:misc", "//chips/cost:cost"}));
  EXPECT_FALSE(Allowed(Edge{"//chipsets:a", "//chips/cost:cost"}));
}

TEST(LawTest, LibrariesAreConfined) {
  EXPECT_TRUE(Allowed(Edge{"//compiler/device/cpu:cpu", "//third_party/onednn:onednn"}));
  EXPECT_FALSE(Allowed(Edge{"//compiler/pass:fuse", "//third_party/onednn:onednn"}));
  EXPECT_FALSE(Allowed(Edge{"//compiler/devices:cpu", "//third_party/onednn:onednn"}));
  EXPECT_TRUE(Allowed(Edge{"//distributed/transport:nccl", "//third_party/cuda:nccl"}));
  EXPECT_FALSE(Allowed(Edge{"//compiler/device:cuda", "//third_party/cuda:nccl"}));
  EXPECT_FALSE(Allowed(Edge{"//distributed/transport:nccl", "//third_party/cuda:nvrtc"}));
  EXPECT_FALSE(Allowed(Edge{"//distributed/collective:ring", "//third_party/openmpi:openmpi"}));
  EXPECT_FALSE(Allowed(Edge{"//llm/data:data", "//third_party/boost:boost"}));
  EXPECT_FALSE(Allowed(Edge{"//chips/timeline:timeline", "//third_party/simdjson:simdjson"}));
}

TEST(LawTest, ExternalRepositoriesComeThroughThirdParty) {
  EXPECT_TRUE(Allowed(Edge{"//third_party/cuda:nccl", "@cuda//:nccl"}));
  EXPECT_FALSE(Allowed(Edge{"//distributed/transport:nccl", "@cuda//:nccl"}));
}

TEST(LawTest, IncludesAreConfinedLikeTheirLibrary) {
  EXPECT_TRUE(Allowed(Include{"compiler/device/cpu/cpu.cc", "dnnl.hpp"}));
  EXPECT_FALSE(Allowed(Include{"framework/tensor/tensor.cc", "oneapi/dnnl/dnnl.hpp"}));
  EXPECT_FALSE(Allowed(Include{"llm/model/gpt.cc", "boost/asio.hpp"}));
  EXPECT_TRUE(Allowed(Include{"llm/model/config.cc", "nlohmann/json.hpp"}));
  EXPECT_FALSE(Allowed(Include{"compiler/plan/plan.cc", "nlohmann/json.hpp"}));
  EXPECT_TRUE(Allowed(Include{"compiler/plan/plan.cc", "vector"}));
  EXPECT_TRUE(Allowed(Include{"third_party/openmpi/leak_check.cc", "mpi.h"}));
}

}  // namespace
}  // namespace strata::layering
