#include "distributed/checkpoint/manifest.h"

#include <functional>
#include <random>

#include "absl/strings/str_replace.h"
#include "base/spoil.h"
#include "base/status_matchers.h"
#include "base/textproto.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using checkpoint::Manifest;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kText[] = R"(step: 400
sequence: 7
id: "0badcafe"
ranks: 2
mesh { name: "tp" size: 2 }
block_bytes: 4096
files { name: "a.safetensors" bytes: 9344 header_bytes: 128 header_xxh3: 5 }
files { name: "b.safetensors" bytes: 4224 header_bytes: 128 header_xxh3: 6 }
tensors {
  name: "w" dtype: F32 dims: [48, 64]
  cells { offset: [0, 0] dims: [36, 64] file: 0 begin: 128 xxh3: [1, 2, 3] }
  cells { offset: [36, 0] dims: [12, 64] file: 1 begin: 128 xxh3: [4] }
}
tensors { name: "x" dtype: BF16 dims: [0] }
extra { key: "seed" value: "3" }
)";

Manifest Good() {
  Manifest manifest;
  EXPECT_OK(ParseTextProto(kText, "good", &manifest));
  return manifest;
}

TEST(ManifestTest, ReadsWhatItPrints) {
  EXPECT_OK(ValidateManifest(Good()));
  STRATA_ASSERT_OK_AND_ASSIGN(const Manifest read, ParseManifest(PrintManifest(Good()), "m"));
  EXPECT_EQ(PrintTextProto(read), PrintTextProto(Good()));
  EXPECT_THAT(PrintManifest(Good()), StartsWith("# strata checkpoint manifest 1 xxh3="));
}

TEST(ManifestTest, NamesTheFieldAtFault) {
  struct Case {
    std::function<void(Manifest&)> spoil;
    const char* message;
  };
  const Case cases[] = {
      {[](Manifest& m) { m.set_step(-1); }, "step: is below 0"},
      {[](Manifest& m) { m.set_sequence(0); }, "sequence: must be at least 1"},
      {[](Manifest& m) { m.set_ranks(0); }, "ranks: must be at least 1"},
      {[](Manifest& m) { m.set_block_bytes(5000); }, "block_bytes: 5000 is no power of two"},
      {[](Manifest& m) { m.set_block_bytes(0); }, "block_bytes: 0"},
      {[](Manifest& m) { m.mutable_mesh(0)->set_size(0); }, "mesh[0]: needs a name and a size"},
      {[](Manifest& m) { m.mutable_files(0)->set_name("../a"); }, "files[0].name: must be a file"},
      {[](Manifest& m) { m.mutable_files(0)->set_name(".."); }, "files[0].name: must be a file"},
      {[](Manifest& m) { m.mutable_files(1)->set_name("a.safetensors"); }, "is there twice"},
      {[](Manifest& m) { m.mutable_files(1)->set_header_bytes(7); }, "files[1]: a header of 7"},
      {[](Manifest& m) { m.mutable_tensors(0)->clear_name(); }, "tensors[0] ''.name: is missing"},
      {[](Manifest& m) { m.mutable_tensors(1)->set_name("w"); }, "must come after 'w'"},
      {[](Manifest& m) { m.mutable_tensors(0)->clear_dtype(); }, "tensors[0] 'w': dtype"},
      {[](Manifest& m) { m.mutable_tensors(0)->set_dims(0, 49); },
       "tensors[0] 'w': cells: no cell holds element [48, 0] of [49, 64]"},
      {[](Manifest& m) { m.mutable_tensors(1)->set_dims(0, int64_t{1} << 62); },
       "tensors[1] 'x': dims: the tensor has too many bytes"},
      {[](Manifest& m) { m.mutable_tensors(0)->mutable_cells(0)->set_file(2); },
       "cells[0]: file: there is no files[2]"},
      {[](Manifest& m) { m.mutable_tensors(0)->mutable_cells(0)->set_begin(129); },
       "cells[0]: begin: 9216 bytes at 129 are not inside the data of a.safetensors"},
      {[](Manifest& m) { m.mutable_tensors(0)->mutable_cells(1)->set_begin(127); }, "begin: 3072"},
      {[](Manifest& m) { m.mutable_tensors(0)->mutable_cells(1)->set_begin(~uint64_t{0}); },
       "begin: 3072"},
      {[](Manifest& m) { m.mutable_tensors(0)->mutable_cells(0)->add_xxh3(9); },
       "cells[0]: xxh3: 4 checksums for 3 blocks"},
      {[](Manifest& m) { m.mutable_tensors(0)->mutable_cells(0)->set_offset(0, 1); },
       "cells: no cell holds element [0, 0]"},
      {[](Manifest& m) { m.mutable_tensors(0)->mutable_cells(0)->add_dims(1); },
       "cells[0]: offset has 2 and the cell 3 dims"},
  };
  for (const Case& c : cases) {
    Manifest manifest = Good();
    c.spoil(manifest);
    EXPECT_THAT(ValidateManifest(manifest),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.message)));
  }
}

TEST(ManifestTest, TellsVersionsAndDamageApart) {
  const std::string good = PrintManifest(Good());
  const auto with = [&](const char* from, const char* to) {
    return ParseManifest(absl::StrReplaceAll(good, {{from, to}}), "m").status();
  };
  EXPECT_THAT(with("manifest 1 ", "manifest 0 "),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("m: checkpoint manifest of older version 0; this build reads")));
  EXPECT_THAT(with("manifest 1 ", "manifest 2 "),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("use a newer release")));
  EXPECT_THAT(with("manifest 1 ", "manifest x "),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("m:1: has no version")));
  EXPECT_THAT(with("step: 400", "step: 401"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("m: the text does not match")));
  EXPECT_THAT(ParseManifest(good.substr(0, good.size() - 1), "m"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("checksum")));
  EXPECT_THAT(ParseManifest("", "m"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is no checkpoint manifest")));
  EXPECT_THAT(ParseManifest(Seal(kManifestText, "step: 1\nnew_field: 2\n"), "m"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("m:3:")));
}

// Whatever the text is, it is refused or is a manifest that holds every promise of a valid one.
TEST(ManifestTest, SurvivesSpoiledText) {
  std::mt19937_64 random(1);
  const std::string sealed = PrintManifest(Good()), body = PrintTextProto(Good());
  int taken = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string text = round % 3 == 0   ? Spoil(sealed, random)
                             : round % 3 == 1 ? Seal(kManifestText, Spoil(body, random))
                                              : Seal(kManifestText, SpoilLine(body, random));
    const absl::StatusOr<Manifest> manifest = ParseManifest(text, "m");
    if (!manifest.ok()) {
      EXPECT_THAT(std::string(manifest.status().message()), StartsWith("m:"));
      continue;
    }
    ++taken;
    EXPECT_OK(ValidateManifest(*manifest));
  }
  EXPECT_GT(taken, 50);
}

}  // namespace
}  // namespace strata::distributed
