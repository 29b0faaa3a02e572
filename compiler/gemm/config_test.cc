#include "compiler/gemm/config.h"

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using ::testing::HasSubstr;

TEST(GemmConfigTest, TextGoesThereAndBack) {
  const GemmConfig config{.rows = 8, .vectors = 3, .depth = 512, .panels = 5, .pack_b_first = true};
  EXPECT_EQ(GemmConfigText(config), "tile=8x48 depth=512 panels=5 pack_b=first");
  STRATA_ASSERT_OK_AND_ASSIGN(const GemmConfig back, ParseGemmConfig(GemmConfigText(config)));
  EXPECT_EQ(back, config);
  STRATA_ASSERT_OK_AND_ASSIGN(const GemmConfig other,
                              ParseGemmConfig(GemmConfigText(GemmConfig())));
  EXPECT_EQ(other, GemmConfig());
  GemmConfig rows = config;
  rows.by_rows = true;
  EXPECT_EQ(GemmConfigText(rows), "tile=8x48 depth=512 panels=5 pack_b=first share=rows");
  STRATA_ASSERT_OK_AND_ASSIGN(const GemmConfig third, ParseGemmConfig(GemmConfigText(rows)));
  EXPECT_EQ(third, rows);
}

TEST(GemmConfigTest, BadTextNamesTheField) {
  const auto refuses = [](const char* text, const char* why) {
    EXPECT_THAT(ParseGemmConfig(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)))
        << text;
  };
  refuses("", "tile");
  refuses("tile=14x33 depth=768 panels=4 pack_b=block", "multiple of 16");
  refuses("tile=14 depth=768 panels=4 pack_b=block", "rows x columns");
  refuses("tile=14x32 depth=deep panels=4 pack_b=block", "depth is no number");
  refuses("tile=14x32 depth=768 panels= pack_b=block", "panels is no number");
  refuses("tile=14x32 depth=768 panels=4 pack_b=maybe", "neither first nor block");
  refuses("tile=14x32 depth=768 panels=4 pack_b=block color=red", "other fields");
  refuses("tile=14x32 depth=768 panels=4 pack_b=first share=columns", "share is not rows");
  refuses("tile=14x32 depth=768 panels=4 pack_b=block share=rows", "need pack_b=first");
  refuses("tile=14x32 tile=14x32 depth=768 panels=4 pack_b=block", "given twice");
  refuses("tile=99x32 depth=768 panels=4 pack_b=block", "rows of the tile: 99");
  refuses("tile=14x32 depth=65536 panels=4 pack_b=block", "bytes of a block of B");
}

}  // namespace
}  // namespace strata::compiler
