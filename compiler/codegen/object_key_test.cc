// The name of an object: every field counts, and where one field ends counts too.
#include "compiler/codegen/object_key.h"

#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

ObjectKey Key() { return {"text", {"-O2", "-fPIC"}, "g++", "g++ 12.2", "a CPU"}; }

TEST(ObjectKeyTest, EveryFieldCounts) {
  std::vector<ObjectKey> keys(8, Key());
  keys[1].text = "text\n";
  keys[2].flags = {"-O3", "-fPIC"};
  keys[3].flags = {"-fPIC", "-O2"};
  keys[4].program = "clang++";
  keys[5].version = "g++ 13.1";
  keys[6].cpu = "another CPU";
  keys[7].flags.clear();
  std::set<std::string> names;
  for (const ObjectKey& key : keys) names.insert(ObjectName(key));
  EXPECT_EQ(names.size(), keys.size());
}

TEST(ObjectKeyTest, FieldsDoNotRunIntoEachOther) {
  std::vector<ObjectKey> keys(6, Key());
  keys[1].flags = {"-O2 -fPIC"};
  keys[2].flags = {"-O2", "-fPIC", ""};
  keys[3].flags = {"-O2", "-fPICg++"};
  keys[3].program = "";
  keys[4].version = "g++ 12.2a CPU";
  keys[4].cpu = "";
  keys[5].text = "text-O2";
  keys[5].flags = {"-fPIC"};
  std::set<std::string> names;
  for (const ObjectKey& key : keys) names.insert(ObjectName(key));
  EXPECT_EQ(names.size(), keys.size());
}

TEST(ObjectKeyTest, TheSameKeyHasTheSameName) {
  EXPECT_EQ(ObjectName(Key()), ObjectName(Key()));
  EXPECT_THAT(ObjectName(Key()), testing::MatchesRegex("kernels-[0-9a-f]+\\.so"));
  EXPECT_EQ(ObjectName(Key()).size(), 8u + 32 + 3);
}

}  // namespace
}  // namespace strata::compiler
