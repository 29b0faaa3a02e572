#include "base/warning.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata {
namespace {

using ::testing::ElementsAre;

TEST(WarningTest, CapturesNest) {
  WarningCapture outer;
  Warn("one");
  {
    WarningCapture inner;
    Warn("two");
    EXPECT_THAT(inner.messages(), ElementsAre("two"));
  }
  Warn("three");
  EXPECT_THAT(outer.messages(), ElementsAre("one", "three"));
}

TEST(WarningTest, OtherwiseTheyArePrinted) {
  testing::internal::CaptureStderr();
  Warn("careful");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "strata: warning: careful\n");
}

}  // namespace
}  // namespace strata
