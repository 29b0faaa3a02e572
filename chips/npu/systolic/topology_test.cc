#include "chips/npu/systolic/topology.h"

#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::chips::systolic {
namespace {

using ::testing::HasSubstr;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
constexpr char kConvolutionHeading[] =
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, "
    "Strides,\n";

absl::StatusOr<Topology> ParseConvolution(const std::string& row) {
  return ParseTopology(absl::StrCat(kConvolutionHeading, row), "net.csv", TopologyKind::kAuto);
}

absl::StatusOr<Topology> ParseGemm(const std::string& row) {
  return ParseTopology(absl::StrCat("Layer,M,N,K,\n", row), "net.csv", TopologyKind::kAuto);
}

void ExpectGemm(const TopologyLayer& layer, int64_t m, int64_t n, int64_t k) {
  EXPECT_EQ(layer.gemm.m, m);
  EXPECT_EQ(layer.gemm.n, n);
  EXPECT_EQ(layer.gemm.k, k);
}

TEST(Topology, ReadsGemmsWithAndWithoutACommaAtTheEnd) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Topology t, ParseGemm("a,1,2,3,\r\n\r\n b , 4 ,5,6\n"));
  ASSERT_EQ(t.layers.size(), 2);
  EXPECT_EQ(t.layers[0].name, "a");
  EXPECT_EQ(t.layers[0].line, 2);
  ExpectGemm(t.layers[0], 1, 2, 3);
  EXPECT_EQ(t.layers[1].name, "b");
  EXPECT_EQ(t.layers[1].line, 4);
  ExpectGemm(t.layers[1], 4, 5, 6);
}

TEST(Topology, AConvolutionIsAProductAndItsWindowsMayHangOverTheEdge) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Topology t, ParseConvolution("Conv1 ,224 , 224,11,11,3,96,4,\nfull,5,7,5,7,2,3,9"));
  ASSERT_EQ(t.layers.size(), 2);
  ExpectGemm(t.layers[0], 55 * 55, 96, 363);
  ExpectGemm(t.layers[1], 1, 3, 70);
}

TEST(Topology, OfmapIsSizeLessFilterOverStrideRoundedUpAndOneMore) {
  for (int size = 1; size < 12; ++size) {
    for (int filter = 1; filter <= size; ++filter) {
      for (int stride = 1; stride < 14; ++stride) {
        STRATA_ASSERT_OK_AND_ASSIGN(
            const Topology t,
            ParseConvolution(absl::StrCat("x,", size, ",1,", filter, ",1,1,1,", stride, ",")));
        int windows = 1;
        while ((windows - 1) * stride < size - filter) ++windows;
        EXPECT_EQ(t.layers[0].gemm.m, windows) << size << " " << filter << " " << stride;
      }
    }
  }
}

TEST(Topology, DepthwiseIsALayerAChannel) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Topology t, ParseConvolution("DP_2,8,8,3,3,3,1,1,"));
  ASSERT_EQ(t.layers.size(), 3);
  EXPECT_EQ(t.layers[2].name, "DP_2Channel_2");
  ExpectGemm(t.layers[2], 36, 1, 9);
}

TEST(Topology, ReadsSparsityAndBatch) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Topology sparse, ParseConvolution("x,8,8,3,3,4,5,1,2:4,"));
  EXPECT_EQ(sparse.layers[0].sparsity_n, 2);
  EXPECT_EQ(sparse.layers[0].sparsity_m, 4);
  STRATA_ASSERT_OK_AND_ASSIGN(const Topology product, ParseGemm("x,8,8,3,1:4,\ny,1,2,3,1,"));
  EXPECT_EQ(product.layers[0].sparsity_m, 4);
  const std::string text = "n, h, w, fh, fw, c, f, s, Batch Size,\nx,8,8,3,3,4,5,1,2,\n";
  STRATA_ASSERT_OK_AND_ASSIGN(const Topology batched,
                              ParseTopology(text, "net.csv", TopologyKind::kAuto));
  ExpectGemm(batched.layers[0], 72, 5, 36);
}

// As SCALE-Sim's own files have them: "#dw", or a second stride, behind the last comma.
TEST(Topology, WhatStandsBehindTheLastCommaIsNotRead) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Topology t,
      ParseConvolution("Conv2_dw, 112, 112, 3, 3, 1, 1, 1,#dw\nx,96,96,3,3,3,8,2,2"));
  ASSERT_EQ(t.layers.size(), 2);
  ExpectGemm(t.layers[0], 110 * 110, 1, 9);
  ExpectGemm(t.layers[1], 48 * 48, 8, 27);
  STRATA_ASSERT_OK_AND_ASSIGN(const Topology product, ParseGemm("x,1,2,3, a remark"));
  ExpectGemm(product.layers[0], 1, 2, 3);
}

TEST(Topology, KindCanBeForced) {
  EXPECT_OK(ParseTopology("Layer,rows,columns,depth\nx,1,2,3", "net.csv", TopologyKind::kGemm));
  EXPECT_THAT(ParseTopology("Layer,M,N,K\nx,1,2,3", "net.csv", TopologyKind::kConvolution),
              StatusIs(kInvalid, HasSubstr("net.csv:2: 4 columns; \"filter width\" is missing")));
}

TEST(Topology, ErrorsNameFileAndLine) {
  EXPECT_THAT(ParseGemm(""), StatusIs(kInvalid, HasSubstr("net.csv:2: no layer")));
  EXPECT_THAT(ParseTopology("", "net.csv", TopologyKind::kAuto),
              StatusIs(kInvalid, HasSubstr("net.csv:1: no layer")));
  EXPECT_THAT(ParseGemm("\nx,1,2,"),
              StatusIs(kInvalid, HasSubstr("net.csv:3: 3 columns; \"K\" is missing")));
  EXPECT_THAT(ParseGemm("x,1,0,3"), StatusIs(kInvalid, HasSubstr("net.csv:2: N: 0 is below 1")));
  EXPECT_THAT(ParseGemm("x,-7,2,3"), StatusIs(kInvalid, HasSubstr("M: -7 is below 1")));
  EXPECT_THAT(ParseGemm("x,1,2,3.5"), StatusIs(kInvalid, HasSubstr("K: \"3.5\" is no whole")));
  EXPECT_THAT(ParseGemm("x,1,,3"), StatusIs(kInvalid, HasSubstr("N: \"\" is no whole")));
  EXPECT_THAT(ParseGemm("x,1,99999999999999999999,3"), StatusIs(kInvalid, HasSubstr("64 bits")));
  EXPECT_THAT(ParseGemm("x,1,2,3,4,"), StatusIs(kInvalid, HasSubstr("give it as N:M")));
  EXPECT_THAT(ParseGemm("x,1,2,3,4:2,"), StatusIs(kInvalid, HasSubstr("give N <= M")));
  EXPECT_THAT(ParseConvolution("x,8,8,3,3,4,5,0,"),
              StatusIs(kInvalid, HasSubstr("net.csv:2: stride: 0 is below 1")));
  EXPECT_THAT(ParseConvolution("x,8,2,3,3,4,5,1,"),
              StatusIs(kInvalid, HasSubstr("filter 3x3 is larger than the ifmap 8x2")));
  EXPECT_THAT(ParseConvolution("x,8,8,3,3,4,5"),
              StatusIs(kInvalid, HasSubstr("7 columns; \"stride\" is missing, 8 are needed")));
  EXPECT_THAT(ParseTopology("x,1,2,3\n", "net.csv", TopologyKind::kAuto),
              StatusIs(kInvalid, HasSubstr("net.csv:1: layer \"x\" stands where the heading")));
  EXPECT_THAT(ReadTopology("/no/such.csv", TopologyKind::kAuto),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such.csv")));
}

TEST(Topology, ErrorsOfSize) {
  constexpr absl::StatusCode kUnimplemented = absl::StatusCode::kUnimplemented;
  EXPECT_THAT(ParseGemm("x,9999999999,9999999999,9999999999"),
              StatusIs(kUnimplemented, HasSubstr("net.csv:2: more than 281474976710656")));
  EXPECT_THAT(ParseConvolution("x,9223372036854775807,9223372036854775807,1,1,1,1,1"),
              StatusIs(kUnimplemented, HasSubstr("multiply-adds")));
  EXPECT_THAT(ParseConvolution("DP,8,8,3,3,99999999,1,1"),
              StatusIs(kUnimplemented, HasSubstr("more than 1048576 layers")));
}

// Whatever the bytes, there is a topology within its bounds or an error with a line.
TEST(Topology, BrokenFilesAreRefusedNotFollowed) {
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text,
                              ReadFile("chips/npu/systolic/testdata/alexnet.csv"));
  constexpr char kBytes[] = "0123456789,,,-:. \n\r\tDPMNK\xff";
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    std::string broken = text.substr(0, random() % (text.size() + 1));
    for (uint32_t edits = random() % 6; edits > 0 && !broken.empty(); --edits) {
      const size_t at = random() % broken.size();
      const char byte = kBytes[random() % (sizeof(kBytes) - 1)];
      if (random() % 2 == 0) {
        broken[at] = byte;
      } else {
        broken.insert(at, 1, byte);
      }
    }
    const absl::StatusOr<Topology> topology = ParseTopology(broken, "f", TopologyKind::kAuto);
    if (!topology.ok()) {
      ASSERT_EQ(topology.status().message().find("f:"), 0) << topology.status();
      continue;
    }
    for (const TopologyLayer& layer : topology->layers) {
      ASSERT_GE(layer.gemm.m, 1);
      ASSERT_LE(layer.gemm.Macs(), kMaxMacs);
    }
  }
}

}  // namespace
}  // namespace strata::chips::systolic
