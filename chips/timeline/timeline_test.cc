#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "base/textproto.h"
#include "chips/timeline/chrome_trace.h"
#include "chips/timeline/validate.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kFolder[] = "chips/timeline/testdata/";

Timeline Read(const std::string& file) {
  Timeline timeline;
  EXPECT_OK(ReadTextProto(absl::StrCat(kFolder, file), &timeline));
  return timeline;
}

TEST(ValidateTimeline, AcceptsTheTestData) {
  EXPECT_OK(ValidateTimeline(Read("measured.textproto")));
  EXPECT_OK(ValidateTimeline(Read("modelled.textproto")));
}

TEST(ValidateTimeline, AcceptsNoEventsAndNoLanes) {
  Timeline timeline;
  timeline.set_version(kTimelineVersion);
  timeline.set_source(SIMULATED);
  EXPECT_OK(ValidateTimeline(timeline));
}

TEST(ValidateTimeline, AcceptsEventsThatTouchAndEmptyOnes) {
  Timeline timeline = Read("modelled.textproto");
  *timeline.add_events() = timeline.events(0);  // no duration: one may follow at once
  EXPECT_OK(ValidateTimeline(timeline));
}

TEST(ValidateTimeline, RefusesByFieldPath) {
  struct Fault {
    std::function<void(Timeline*)> spoil;
    const char* message;
  };
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const std::vector<Fault> faults = {
      {[](Timeline* t) { t->set_version(2); }, "timeline 'step 3': version: is 2"},
      {[](Timeline* t) { t->clear_source(); }, "timeline 'step 3': source: is unset"},
      {[](Timeline* t) { t->set_source(static_cast<TimelineSource>(9)); },
       "timeline 'step 3': source: is unset or"},
      {[](Timeline* t) { t->set_lanes(1, ""); }, "timeline 'step 3': lanes[1]: is empty"},
      {[](Timeline* t) { t->clear_lanes(); },
       "timeline 'step 3': events[0].lane: is 0, but there are 0 lanes"},
      {[](Timeline* t) { t->mutable_events(1)->set_lane(2); },
       "timeline 'step 3': events[1].lane: is 2, but there are 2 lanes"},
      {[](Timeline* t) { t->mutable_events(1)->clear_name(); },
       "timeline 'step 3': events[1].name: is empty"},
      {[](Timeline* t) { t->mutable_events(0)->set_start_ns(-1); },
       "timeline 'step 3': events[0].start_ns: is -1"},
      {[](Timeline* t) { t->mutable_events(0)->set_duration_ns(-5); },
       "timeline 'step 3': events[0].duration_ns: is -5"},
      {[=](Timeline* t) { t->mutable_events(2)->set_duration_ns(kMost); },
       "timeline 'step 3': events[2].duration_ns: ends beyond"},
      {[](Timeline* t) { t->mutable_events(2)->set_step(-2); },
       "timeline 'step 3': events[2].step: is -2"},
      {[](Timeline* t) { t->mutable_events(2)->set_flops(-1); },
       "timeline 'step 3': events[2].flops: is -1"},
      {[](Timeline* t) {
         t->mutable_events(2)->set_bytes(std::numeric_limits<double>::quiet_NaN());
       },
       "timeline 'step 3': events[2].bytes: is nan"},
      {[](Timeline* t) { t->mutable_events()->SwapElements(0, 1); },
       "timeline 'step 3': events[1].lane: is 0, less than the 1 of the event ahead"},
      {[](Timeline* t) { t->mutable_events()->SwapElements(1, 2); },
       "timeline 'step 3': events[2].start_ns: is 0, before the 1500"},
      {[](Timeline* t) { t->mutable_events(2)->set_start_ns(1499); },
       "timeline 'step 3': events[2].start_ns: is 1499, while lane 0 is busy until 1500"},
  };
  for (const Fault& fault : faults) {
    Timeline timeline = Read("measured.textproto");
    fault.spoil(&timeline);
    EXPECT_THAT(ValidateTimeline(timeline),
                StatusIs(absl::StatusCode::kInvalidArgument, StartsWith(fault.message)));
  }
}

TEST(ToChromeTrace, MatchesTheGoldenFile) {
  const std::vector<Timeline> timelines = {Read("measured.textproto"), Read("modelled.textproto")};
  STRATA_ASSERT_OK_AND_ASSIGN(std::string golden, ReadFile(absl::StrCat(kFolder, "trace.json")));
  EXPECT_EQ(ToChromeTrace(timelines), golden);
}

TEST(ToChromeTrace, OfNothingIsAnEmptyList) {
  EXPECT_EQ(ToChromeTrace({}), "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n\n]}\n");
}

TEST(ToChromeTrace, ReplacesWhatIsNotUtf8) {
  const std::string kReplaced = "\xef\xbf\xbd";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a\xff", "a" + kReplaced},
      {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
      {"\xc3", kReplaced},                                                  // cut short
      {"\xe2\x82", kReplaced + kReplaced},                                  // cut short
      {"\xc0\xaf", kReplaced + kReplaced},                                  // overlong
      {"\xed\xa0\x80", kReplaced + kReplaced + kReplaced},                  // a surrogate
      {"\xf4\x90\x80\x80", kReplaced + kReplaced + kReplaced + kReplaced},  // above U+10FFFF
      {std::string("\0\x7f", 2), "\\u0000\\u007f"},
  };
  for (const auto& [raw, escaped] : cases) {
    Timeline timeline = Read("modelled.textproto");
    timeline.set_lanes(0, raw);
    EXPECT_THAT(ToChromeTrace({timeline}), HasSubstr(absl::StrCat("{\"name\":\"", escaped, "\"}")));
  }
}

}  // namespace
}  // namespace strata::chips
