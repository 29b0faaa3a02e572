// Whatever a text says, the answer is a spec or a refusal that names its place: a line and column where it
// does not parse, a field where it is not valid. Bounded and seeded.
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/spoil.h"
#include "base/status_matchers.h"
#include "base/textproto.h"
#include "chips/spec/catalogue.h"
#include "chips/spec/validate.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

constexpr char kCluster[] = R"(
version: 1
name: "pod"
chip: "h100"
levels {
  name: "nvlink"
  size: 8
  latency_seconds { value: 1e-6 source: "made up" }
  bandwidth_bytes_per_second { value: 4.5e11 source: "made up" }
}
levels {
  name: "infiniband"
  size: 3
  latency_seconds { value: 2e-6 source: "made up" }
  bandwidth_bytes_per_second { value: 5e10 source: "made up" }
}
)";

// "rates[2].flops_per_second.source" leads to a field of the message.
bool LeadsToAField(absl::string_view path, const google::protobuf::Descriptor* type) {
  for (const absl::string_view part : absl::StrSplit(path, '.')) {
    if (type == nullptr) return false;
    const auto* field = type->FindFieldByName(std::string(part.substr(0, part.find('['))));
    if (field == nullptr) return false;
    type = field->message_type();
  }
  return true;
}

// "chip 'h100': rates[2].flops_per_second.source: is empty; ..."
void ExpectFieldPath(const absl::Status& status, const std::string& kind, const std::string& name,
                     const google::protobuf::Descriptor* type) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  absl::string_view rest = status.message();
  const std::string title = name.empty() ? kind : absl::StrCat(kind, " '", name, "'");
  EXPECT_TRUE(absl::ConsumePrefix(&rest, absl::StrCat(title, ": "))) << status;
  EXPECT_TRUE(LeadsToAField(rest.substr(0, rest.find(": ")), type)) << status;
}

// "t.textproto:3:9: ..."
void ExpectPlace(const absl::Status& status) {
  const std::vector<std::string> parts = absl::StrSplit(status.message(), absl::MaxSplits(':', 3));
  ASSERT_EQ(parts.size(), 4u) << status;
  EXPECT_EQ(parts[0], "t.textproto");
  EXPECT_GT(std::atoi(parts[1].c_str()), 0) << status;
  EXPECT_GT(std::atoi(parts[2].c_str()), 0) << status;
}

struct Counts {
  int unparsed = 0, invalid = 0, valid = 0;
};

template <typename Message, typename Validate>
void Fuzz(const std::string& good, const std::string& kind, Validate validate, int rounds,
          std::mt19937_64& random, Counts* counts) {
  for (int round = 0; round < rounds; ++round) {
    Message message;
    const std::string text = round % 2 == 0 ? Spoil(good, random) : SpoilLine(good, random);
    const absl::Status parsed = ParseTextProto(text, "t.textproto", &message);
    if (!parsed.ok()) {
      ++counts->unparsed;
      ExpectPlace(parsed);
      continue;
    }
    const absl::Status status = validate(message);
    ++(status.ok() ? counts->valid : counts->invalid);
    if (!status.ok()) ExpectFieldPath(status, kind, message.name(), Message::descriptor());
  }
}

TEST(Fuzz, EveryChipIsRefusedByPlaceOrValid) {
  std::mt19937_64 random(1);
  Counts counts;
  for (const std::string& name : ChipNames()) {
    if (name == "host") continue;  // measured, not read
    STRATA_ASSERT_OK_AND_ASSIGN(
        const std::string good,
        ReadFile(absl::StrCat("chips/spec/catalogue/", name, ".textproto")));
    Fuzz<Chip>(good, "chip", ValidateChip, /*rounds=*/1000, random, &counts);
  }
  EXPECT_GT(counts.unparsed, 1000);
  EXPECT_GT(counts.invalid, 100);
  EXPECT_GT(counts.valid, 1000);
}

TEST(Fuzz, EveryClusterIsRefusedByPlaceOrValid) {
  std::mt19937_64 random(2);
  Counts counts;
  const auto validate = [](const Cluster& cluster) {
    const absl::Status status = ValidateCluster(cluster);
    if (status.ok()) {
      EXPECT_GE(ChipCount(cluster), 1);
      EXPECT_LE(ChipCount(cluster), kMaxClusterChips);
    }
    return status;
  };
  Fuzz<Cluster>(kCluster, "cluster", validate, /*rounds=*/10000, random, &counts);
  EXPECT_GT(counts.unparsed, 1000);
  EXPECT_GT(counts.invalid, 100);
  EXPECT_GT(counts.valid, 500);
}

}  // namespace
}  // namespace strata::chips
