#include "distributed/transport/flight_recorder.h"

#include <string>

#include "base/file.h"
#include "base/status_matchers.h"

namespace strata::distributed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Operation AllReduce(int64_t sequence) {
  Operation operation;
  operation.name = "all_reduce";
  operation.group = "dp";
  operation.count = 1000;
  operation.dtype = chips::F32;
  operation.detail = "sum";
  operation.sequence = sequence;
  return operation;
}

TEST(FlightRecorderTest, DescribesOperations) {
  EXPECT_EQ(Describe(AllReduce(12)), "all_reduce of 1000 f32 (sum), group 'dp' #12");
  Operation operation;
  operation.name = "barrier";
  EXPECT_EQ(Describe(operation), "barrier");
  operation = AllReduce(3);
  operation.name = "broadcast";
  operation.group = "";
  operation.detail = "from";
  operation.number = 2;
  EXPECT_EQ(Describe(operation), "broadcast of 1000 f32 (from 2) #3");
  operation.count = -1;
  EXPECT_EQ(Describe(operation), "broadcast of f32 (from 2) #3");
}

TEST(FlightRecorderTest, KeepsTheLastOnes) {
  FlightRecorder recorder({/*rank=*/3, /*capacity=*/4, ""});
  EXPECT_EQ(recorder.last(), nullptr);
  EXPECT_TRUE(recorder.records().empty());
  for (int i = 1; i <= 10; ++i) recorder.End(recorder.Begin(AllReduce(i)), absl::OkStatus());
  EXPECT_EQ(recorder.count(), 10);
  const auto records = recorder.records();
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records.front()->operation.sequence, 7);
  EXPECT_EQ(records.back(), recorder.last());
  for (const FlightRecord* record : records) {
    EXPECT_EQ(record->state, FlightRecord::State::kDone);
    EXPECT_LE(record->start, record->end);
  }
  recorder.End(1, absl::InternalError("long gone"));
  EXPECT_EQ(recorder.records().front()->error, "");
}

TEST(FlightRecorderTest, TextSaysWhatRunsAndWhatFailed) {
  FlightRecorder recorder({3, 4, ""});
  recorder.End(recorder.Begin(AllReduce(1)), absl::OkStatus());
  recorder.End(recorder.Begin(AllReduce(2)), absl::UnavailableError("rank 1 is gone"));
  recorder.Begin(AllReduce(3));
  EXPECT_THAT(recorder.ToText(),
              AllOf(HasSubstr("rank 3: the last 3 of 3 operations"), HasSubstr("#1 "),
                    HasSubstr("all_reduce of 1000 f32 (sum), group 'dp' #3"), HasSubstr("running"),
                    HasSubstr("UNAVAILABLE: rank 1 is gone")));
}

TEST(FlightRecorderTest, Json) {
  FlightRecorder recorder({3, 4, ""});
  EXPECT_EQ(recorder.ToJson(), "{\"rank\": 3, \"operations\": 0, \"records\": []}\n");
  recorder.End(recorder.Begin(AllReduce(1)), absl::DataLossError("a \"\\\n\xc3"));
  recorder.Begin(AllReduce(2));
  EXPECT_THAT(
      recorder.ToJson(),
      AllOf(HasSubstr("{\"rank\": 3, \"operations\": 2, \"records\": [{\"number\": 1, \"name\": "
                      "\"all_reduce\", \"group\": \"dp\", \"sequence\": 1, \"pair\": false, "
                      "\"count\": 1000, \"dtype\": \"f32\", \"detail\": \"sum\", "
                      "\"peer_or_root\": -1, \"state\": \"failed\", \"start_ns\": "),
            HasSubstr("\"error\": \"DATA_LOSS: a \\\"\\\\\\u000a\\u00c3\"}"),
            HasSubstr("\"state\": \"running\""), Not(HasSubstr("\n\n"))));
}

TEST(FlightRecorderTest, DumpsWhereItIsTold) {
  const std::string directory = testing::TempDir() + "/flight/deep";
  FlightRecorder recorder({7, 4, directory});
  recorder.Begin(AllReduce(1));
  EXPECT_OK(recorder.Dump());
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(directory + "/flight_rank7.txt"));
  EXPECT_EQ(text, recorder.ToText());
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string json, ReadFile(directory + "/flight_rank7.json"));
  EXPECT_EQ(json, recorder.ToJson());
  EXPECT_OK(FlightRecorder({7, 4, ""}).Dump());  // nowhere
  EXPECT_FALSE(FlightRecorder({7, 4, "/dev/null/no"}).Dump().ok());
}

}  // namespace
}  // namespace strata::distributed
