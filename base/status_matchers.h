// GoogleTest matchers for absl::Status and absl::StatusOr: tests name the code and a part of the message.
//
//   EXPECT_THAT(Parse("x"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 1")));
//   STRATA_ASSERT_OK_AND_ASSIGN(Graph graph, Parse(text));
#ifndef STRATA_BASE_STATUS_MATCHERS_H_
#define STRATA_BASE_STATUS_MATCHERS_H_

#include <string>
#include <utility>

#include "base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata {

inline const absl::Status& AsStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& AsStatus(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << AsStatus(arg).ToString();
  return AsStatus(arg).ok();
}

MATCHER_P2(StatusIs, code, message, "has the given code and message") {
  const absl::Status& status = AsStatus(arg);
  *result_listener << status.ToString();
  return status.code() == code &&
         ::testing::ExplainMatchResult(message, std::string(status.message()), result_listener);
}

}  // namespace strata

#define EXPECT_OK(expr) EXPECT_THAT(expr, ::strata::IsOk())
#define ASSERT_OK(expr) ASSERT_THAT(expr, ::strata::IsOk())
#define STRATA_ASSERT_OK_AND_ASSIGN(lhs, expr) \
  STRATA_ASSERT_OK_AND_ASSIGN_IMPL(STRATA_CONCAT(strata_test_, __LINE__), lhs, expr)
#define STRATA_ASSERT_OK_AND_ASSIGN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                                     \
  ASSERT_THAT(tmp, ::strata::IsOk());                    \
  lhs = *std::move(tmp)

#endif  // STRATA_BASE_STATUS_MATCHERS_H_
