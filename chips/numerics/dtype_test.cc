#include "chips/numerics/dtype.h"

#include <set>
#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Every enum value but the unspecified one.
std::set<DType> AllDTypes() {
  std::set<DType> all;
  for (int i = DType_MIN; i <= DType_MAX; ++i) {
    if (DType_IsValid(i) && i != DTYPE_UNSPECIFIED) all.insert(static_cast<DType>(i));
  }
  return all;
}

TEST(DType, NamesAreUniqueAndParseBack) {
  std::set<std::string> names;
  for (const DType dtype : AllDTypes()) {
    const std::string name(DTypeName(dtype));
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_NE(name, "unspecified");
    STRATA_ASSERT_OK_AND_ASSIGN(DType parsed, ParseDType(name));
    EXPECT_EQ(parsed, dtype);
  }
}

TEST(DType, SizesAreThoseOfTheFormats) {
  for (const DType dtype : AllDTypes()) EXPECT_GT(SizeOf(dtype), 0u) << DTypeName(dtype);
  EXPECT_EQ(SizeOf(F32), sizeof(float));
  EXPECT_EQ(SizeOf(F64), sizeof(double));
  EXPECT_EQ(SizeOf(BF16), 2u);
  EXPECT_EQ(SizeOf(F16), 2u);
  EXPECT_EQ(SizeOf(I8), 1u);
  EXPECT_EQ(SizeOf(U8), 1u);
  EXPECT_EQ(SizeOf(I32), 4u);
  EXPECT_EQ(SizeOf(I64), 8u);
  EXPECT_EQ(SizeOf(BOOL), 1u);
}

TEST(DType, IsAFloatOrA8BitFloatOrAnIntegerOrBool) {
  for (const DType dtype : AllDTypes()) {
    EXPECT_EQ(IsFloat(dtype) + IsFloat8(dtype) + IsInteger(dtype) + (dtype == BOOL), 1)
        << DTypeName(dtype);
  }
  EXPECT_TRUE(IsFloat(BF16));
  EXPECT_TRUE(IsInteger(U8));
}

TEST(DType, UnspecifiedAndUnknownValuesAreNoFormat) {
  for (const DType dtype : {DTYPE_UNSPECIFIED, static_cast<DType>(99), static_cast<DType>(-1)}) {
    EXPECT_EQ(SizeOf(dtype), 0u);
    EXPECT_EQ(DTypeName(dtype), "unspecified");
    EXPECT_FALSE(IsFloat(dtype) || IsInteger(dtype));
  }
}

TEST(DType, AnUnknownNameListsTheKnownOnes) {
  for (const char* name : {"", "F32", "float", "unspecified", "f32 "}) {
    EXPECT_THAT(ParseDType(name), StatusIs(absl::StatusCode::kInvalidArgument,
                                           AllOf(HasSubstr(absl::StrCat("'", name, "'")),
                                                 HasSubstr("f32, f64, bf16"), HasSubstr("bool"))));
  }
}

}  // namespace
}  // namespace strata::chips
