#include "compiler/codegen/object_cache.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "base/file.h"
#include "base/status_matchers.h"
#include "compiler/codegen/isa.h"

namespace strata::compiler {
namespace {

using testing::HasSubstr;

constexpr char kPrelude[] =
    "#define KERNEL extern \"C\" __attribute__((visibility(\"default\")))\n";

std::string Adds(const std::string& entry, int number) {
  return absl::StrCat("KERNEL void ", entry,
                      "(void* const* b, long begin, long end) { for (long i = begin; i < end; ++i) "
                      "((int*)b[0])[i] += ",
                      number, "; }\n");
}

std::string FreshDir(const std::string& name) {
  return JoinPath(testing::TempDir(), absl::StrCat(name, "-", getpid()));
}

std::vector<std::string> Files(const std::string& dir) {
  std::vector<std::string> files;
  DIR* handle = opendir(dir.c_str());
  while (dirent* entry = readdir(handle)) {
    if (entry->d_name[0] != '.') files.push_back(JoinPath(dir, entry->d_name));
  }
  closedir(handle);
  return files;
}

int RunOnce(const KernelLibrary& library, const std::string& entry) {
  auto* kernel = reinterpret_cast<KernelEntry*>(library.Find(entry));
  if (kernel == nullptr) return -1;
  int value = 0;
  void* buffers[] = {&value};
  kernel(buffers, 0, 1);
  return value;
}

absl::StatusOr<std::shared_ptr<KernelLibrary>> Build(const std::vector<std::string>& sources,
                                                     const std::string& dir, int jobs = 1) {
  return KernelLibrary::Build(kPrelude, sources, "generic", dir, jobs);
}

TEST(ObjectCacheTest, BuildsOnceThenLoads) {
  const std::string dir = FreshDir("once");
  STRATA_ASSERT_OK_AND_ASSIGN(const auto first,
                              Build({Adds("k_one", 1), Adds("k_two", 2), Adds("k_one", 1)}, dir));
  EXPECT_EQ(first->compiled_units(), 1);
  EXPECT_EQ(RunOnce(*first, "k_one"), 1);
  EXPECT_EQ(RunOnce(*first, "k_two"), 2);
  EXPECT_EQ(first->Find("k_three"), nullptr);
  EXPECT_EQ(Files(dir).size(), 1u);  // nothing but the object is left
  // The order of the sources does not matter.
  STRATA_ASSERT_OK_AND_ASSIGN(const auto second, Build({Adds("k_two", 2), Adds("k_one", 1)}, dir));
  EXPECT_EQ(second->compiled_units(), 0);
  EXPECT_EQ(RunOnce(*second, "k_two"), 2);
}

TEST(ObjectCacheTest, Jobs) {
  const std::string dir = FreshDir("jobs");
  std::vector<std::string> sources;
  for (int i = 0; i < 5; ++i) sources.push_back(Adds(absl::StrCat("k_", i), i));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto library, Build(sources, dir, 3));
  EXPECT_EQ(library->compiled_units(), 3);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(RunOnce(*library, absl::StrCat("k_", i)), i);
}

TEST(ObjectCacheTest, NothingToBuild) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto library, Build({}, FreshDir("nothing")));
  EXPECT_EQ(library->Find("k"), nullptr);
}

TEST(ObjectCacheTest, DamagedObjectsAreBuiltAgain) {
  const std::string dir = FreshDir("damaged");
  ASSERT_OK(Build({Adds("k_one", 1)}, dir).status());
  ASSERT_EQ(Files(dir).size(), 1u);
  const std::string path = Files(dir)[0];
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string good, ReadFile(path));
  std::string flipped = good;
  flipped[good.size() / 2] = static_cast<char>(flipped[good.size() / 2] ^ 1);
  for (const std::string& bad :
       {flipped, good.substr(0, good.size() / 2), std::string(), std::string("not an object")}) {
    ASSERT_OK(WriteFileAtomic(path, bad));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto library, Build({Adds("k_one", 1)}, dir));
    EXPECT_EQ(library->compiled_units(), 1);
    EXPECT_EQ(RunOnce(*library, "k_one"), 1);
  }
}

TEST(ObjectCacheTest, ConcurrentBuilders) {
  const std::string dir = FreshDir("concurrent");
  std::vector<std::thread> threads;
  std::vector<int> results(6, -1);
  for (size_t t = 0; t < results.size(); ++t) {
    threads.emplace_back([&, t] {
      auto library = Build({Adds("k_shared", 7)}, dir);
      if (library.ok()) results[t] = RunOnce(**library, "k_shared");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(results, testing::Each(7));
  EXPECT_EQ(Files(dir).size(), 1u);
}

TEST(ObjectCacheTest, TheCompilersComplaint) {
  EXPECT_THAT(Build({"KERNEL void k(void) { syntax error; }"}, FreshDir("complaint")).status(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("error:")));
}

TEST(ObjectCacheTest, WhatCompilesIsBuilt) {
  const std::string bad = "KERNEL void k_bad(void) { syntax error; }";
  const std::string lost = "extern \"C\" void nowhere(); KERNEL void k_lost(void) { nowhere(); }";
  const std::vector<std::string> sources = {Adds("k_one", 1), bad, Adds("k_two", 2), bad, lost};
  for (int jobs : {1, 3}) {
    std::vector<absl::Status> failures;
    STRATA_ASSERT_OK_AND_ASSIGN(
        const auto library,
        KernelLibrary::BuildWhatCompiles(kPrelude, sources, "generic",
                                         FreshDir(absl::StrCat("what", jobs)), jobs, &failures));
    EXPECT_EQ(RunOnce(*library, "k_one"), 1);
    EXPECT_EQ(RunOnce(*library, "k_two"), 2);
    EXPECT_EQ(library->Find("k_bad"), nullptr);
    EXPECT_EQ(library->Find("k_lost"), nullptr);
    ASSERT_EQ(failures.size(), 5u);
    EXPECT_OK(failures[0]);
    EXPECT_OK(failures[2]);
    EXPECT_THAT(failures[1], StatusIs(absl::StatusCode::kInternal, HasSubstr("error:")));
    EXPECT_EQ(failures[1], failures[3]);
    EXPECT_THAT(failures[4], StatusIs(absl::StatusCode::kInternal, HasSubstr("nowhere")));
  }
}

TEST(ObjectCacheTest, WithoutACompilerNothingCompiles) {
  setenv("STRATA_CC", "/nowhere/c++", 1);
  std::vector<absl::Status> failures;
  const auto library = KernelLibrary::BuildWhatCompiles(
      kPrelude, {Adds("k_one", 1), Adds("k_two", 2)}, "generic", FreshDir("none2"), 2, &failures);
  unsetenv("STRATA_CC");
  ASSERT_OK(library.status());
  EXPECT_EQ((*library)->Find("k_one"), nullptr);
  EXPECT_THAT(failures, testing::Each(StatusIs(absl::StatusCode::kUnavailable, HasSubstr("g++"))));
}

// A compiler that calls itself something else, and one that dies.
std::string Script(const std::string& name, const std::string& body) {
  const std::string path = FreshDir(name);
  EXPECT_OK(WriteFileAtomic(path, absl::StrCat("#!/bin/sh\n", body, "\n")));
  EXPECT_EQ(chmod(path.c_str(), 0755), 0);
  return path;
}

TEST(ObjectCacheTest, AnotherCompilerBuildsAgain) {
  const std::string dir = FreshDir("versions");
  STRATA_ASSERT_OK_AND_ASSIGN(const auto first, Build({Adds("k_one", 1)}, dir));
  EXPECT_EQ(first->compiled_units(), 1);
  setenv(
      "STRATA_CC",
      Script("newer", "[ \"$1\" = --version ] && echo 'newer 99' && exit; exec g++ \"$@\"").c_str(),
      1);
  const auto second = Build({Adds("k_one", 1)}, dir);
  const auto third = Build({Adds("k_one", 1)}, dir);
  setenv("STRATA_CC",
         Script("dies", "[ \"$1\" = --version ] && echo 'dies 1' && exit; kill -9 $$").c_str(), 1);
  const auto fourth = Build({Adds("k_one", 1)}, dir);
  unsetenv("STRATA_CC");
  ASSERT_OK(second.status());
  EXPECT_EQ((*second)->compiled_units(), 1);
  ASSERT_OK(third.status());
  EXPECT_EQ((*third)->compiled_units(), 0);
  EXPECT_THAT(fourth.status(), StatusIs(absl::StatusCode::kInternal, HasSubstr("exit code 137")));
  // Flags are part of the key too: another instruction set is another object.
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto other, KernelLibrary::Build(kPrelude, {Adds("k_one", 1)}, HostIsa(), dir, 1));
  EXPECT_EQ(other->compiled_units(), HostIsa() == "generic" ? 0 : 1);
}

TEST(ObjectCacheTest, AFolderInThePlaceOfAnObjectGoes) {
  const std::string dir = FreshDir("folder");
  ASSERT_OK(Build({Adds("k_one", 1)}, dir).status());
  const std::string path = Files(dir)[0];
  ASSERT_EQ(unlink(path.c_str()), 0);
  ASSERT_OK(MakeDirectories(JoinPath(path, "inside")));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto library, Build({Adds("k_one", 1)}, dir));
  EXPECT_EQ(RunOnce(*library, "k_one"), 1);
}

TEST(ObjectCacheTest, NoCompiler) {
  setenv("STRATA_CC", "/nowhere/c++", 1);
  const absl::Status status = Build({Adds("k_one", 1)}, FreshDir("none")).status();
  unsetenv("STRATA_CC");
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("install g++, or set STRATA_CC")));
}

TEST(ObjectCacheTest, FolderThatCannotBe) {
  EXPECT_FALSE(Build({Adds("k_one", 1)}, "/dev/null/cache").ok());
}

TEST(IsaTest, Names) {
  EXPECT_TRUE(HostRuns(HostIsa()));
  EXPECT_FALSE(HostRuns("z80"));
  EXPECT_THAT(IsaFlags("z80").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("avx2")));
}

}  // namespace
}  // namespace strata::compiler
