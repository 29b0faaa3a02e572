// paged_attention against its reference kernel, and bit for bit against itself: other rows, chunks, slots, views and
// threads change nothing.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compiler/kernels/cpu/apply_routine.h"
#include "framework/graph/interpreter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::HostTensor;
using ::testing::HasSubstr;

// Texts whose keys and values lie in one pool.
struct Pool {
  chips::DType dtype = chips::F32;
  int64_t KV = 2, group = 2, D = 16, Dv = 16;
  bool latent = false;  // v is k
  std::vector<std::vector<int32_t>> views;
  HostTensor k, v, k_scale, v_scale;
  graph::Attributes attributes = {{"scale", Attr(0.2)}};
  HostTensor sinks;  // rank 0: none
};

struct Row {
  int32_t view, length;
  int query;  // which vector of queries
};

// Key j of text t has the same numbers wherever its slot is.
class Texts {
 public:
  explicit Texts(uint32_t seed) : seed_(seed) {}
  std::vector<double> Draw(int64_t text, int64_t j, int64_t n, uint32_t what) const {
    std::mt19937 random(seed_ + static_cast<uint32_t>(text * 7919 + j * 31 + what * 1000003));
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<double> x(static_cast<size_t>(n));
    for (double& e : x) e = uniform(random);
    return x;
  }

 private:
  uint32_t seed_;
};

// Fills the pool with the texts, text t at views[t]; other slots hold NaN, or what cannot be a key.
void Fill(const Texts& texts, int64_t slots, Pool* pool) {
  const auto fill = [&](int64_t width, uint32_t what, HostTensor* cache, HostTensor* scale) {
    const int64_t row = pool->KV * width;
    const bool quantised = pool->dtype == chips::I8;
    std::vector<double> all(static_cast<size_t>(slots * row), quantised ? -128 : NAN);
    for (size_t t = 0; t < pool->views.size(); ++t) {
      for (size_t j = 0; j < pool->views[t].size(); ++j) {
        std::vector<double> key =
            texts.Draw(static_cast<int64_t>(t), static_cast<int64_t>(j), row, what);
        if (quantised)
          for (double& e : key) e = std::nearbyint(127 * e);
        std::copy(key.begin(), key.end(), all.begin() + pool->views[t][j] * row);
      }
    }
    *cache = HostTensor::FromDoubles(pool->dtype, {slots, pool->KV, width}, all);
    if (!quantised) return;
    std::vector<double> scales(static_cast<size_t>(slots * pool->KV), NAN);
    for (size_t t = 0; t < pool->views.size(); ++t) {
      for (size_t j = 0; j < pool->views[t].size(); ++j) {
        const std::vector<double> s =
            texts.Draw(static_cast<int64_t>(t), static_cast<int64_t>(j), pool->KV, what + 10);
        for (int64_t h = 0; h < pool->KV; ++h)
          scales[static_cast<size_t>(pool->views[t][j] * pool->KV + h)] =
              0.008 + 0.002 * s[static_cast<size_t>(h)];
      }
    }
    *scale = HostTensor::FromDoubles(chips::F32, {slots, pool->KV}, scales);
  };
  fill(pool->D, 1, &pool->k, &pool->k_scale);
  if (pool->latent) {
    pool->v = pool->k;
    pool->v_scale = pool->k_scale;
    pool->attributes["value_width"] = Attr(pool->Dv);
  } else {
    fill(pool->Dv, 2, &pool->v, &pool->v_scale);
  }
}

Tensors Inputs(const Texts& texts, const Pool& pool, const std::vector<Row>& rows,
               int64_t extra_length = 0) {
  const int64_t H = pool.KV * pool.group, R = static_cast<int64_t>(rows.size());
  size_t L = 0;
  for (const auto& view : pool.views) L = std::max(L, view.size());
  L += static_cast<size_t>(extra_length);
  std::vector<int32_t> views(pool.views.size() * L, -7);  // what no row may look at
  for (size_t v = 0; v < pool.views.size(); ++v)
    std::copy(pool.views[v].begin(), pool.views[v].end(),
              views.begin() + static_cast<int64_t>(v * L));
  std::vector<double> q;
  std::vector<int32_t> row_view, row_length;
  for (const Row& row : rows) {
    const std::vector<double> x = texts.Draw(100, row.query, H * pool.D, 3);
    q.insert(q.end(), x.begin(), x.end());
    row_view.push_back(row.view);
    row_length.push_back(row.length);
  }
  Tensors inputs = {HostTensor::FromDoubles(chips::F32, {R, H, pool.D}, q), pool.k, pool.v};
  if (pool.dtype == chips::I8) {
    inputs.push_back(pool.k_scale);
    inputs.push_back(pool.v_scale);
  }
  inputs.push_back(I32s({static_cast<int64_t>(pool.views.size()), static_cast<int64_t>(L)}, views));
  inputs.push_back(I32s({R}, row_view));
  inputs.push_back(I32s({R}, row_length));
  if (pool.sinks.rank() > 0) inputs.push_back(pool.sinks);
  return inputs;
}

// Slots [1, slots) in an order of their own.
std::vector<int32_t> Shuffled(int64_t slots, uint32_t seed) {
  std::vector<int32_t> order(static_cast<size_t>(slots - 1));
  std::iota(order.begin(), order.end(), 1);
  std::shuffle(order.begin(), order.end(), std::mt19937(seed));
  return order;
}

// A text a view, of these lengths, at slots that do not follow each other.
void PlaceTexts(const std::vector<int64_t>& lengths, int64_t slots, uint32_t seed, Pool* pool) {
  const std::vector<int32_t> order = Shuffled(slots, seed);
  auto next = order.begin();
  pool->views.clear();
  for (int64_t length : lengths) {
    pool->views.emplace_back(next, next + length);
    next += length;
  }
}

// Scores gather D roundings, a result as many as it has keys, each of a number below 2; the weights' own error is that
// of the scores' size.
void ExpectNear(const HostTensor& got, const HostTensor& want, const Pool& pool, int64_t keys) {
  ASSERT_EQ(got.TypeString(), want.TypeString());
  const double tolerance =
      2.0 * static_cast<double>(pool.D + keys + 32) * std::numeric_limits<float>::epsilon();
  for (int64_t i = 0; i < got.elements(); ++i) {
    ASSERT_NEAR(got.data<float>()[i], want.data<float>()[i], tolerance) << "element " << i;
  }
}

void ExpectSameBits(const HostTensor& got, int64_t row, const HostTensor& want, int64_t want_row,
                    const std::string& what) {
  const size_t n = static_cast<size_t>(got.dims()[1] * got.dims()[2]);
  EXPECT_EQ(std::memcmp(got.data<float>() + static_cast<size_t>(row) * n,
                        want.data<float>() + static_cast<size_t>(want_row) * n, n * sizeof(float)),
            0)
      << what << ", row " << row;
}

struct Case {
  std::string name;
  chips::DType dtype;
  int64_t KV, group, D, Dv;
  bool latent, sinks;
  int64_t window;
  double softcap;
};

class PagedAttentionTest : public ::testing::TestWithParam<Case> {
 protected:
  Pool Make() const {
    const Case& c = GetParam();
    Pool pool;
    pool.dtype = c.dtype;
    pool.KV = c.KV;
    pool.group = c.group;
    pool.D = c.D;
    pool.Dv = c.Dv;
    pool.latent = c.latent;
    if (c.window > 0) pool.attributes["window"] = Attr(c.window);
    if (c.softcap > 0) pool.attributes["softcap"] = Attr(c.softcap);
    if (c.sinks) {
      pool.sinks = HostTensor::FromDoubles(chips::F32, {c.KV * c.group},
                                           Texts(5).Draw(0, 0, c.KV * c.group, 0));
    }
    return pool;
  }
};

TEST_P(PagedAttentionTest, AgreesWithTheReference) {
  Pool pool = Make();
  PlaceTexts({1, 65, 200, 64, 63}, 500, 1, &pool);
  const Texts texts(7);
  Fill(texts, 500, &pool);
  std::vector<Row> rows;
  for (int32_t length : {0, 1, 2, 63, 64, 65}) rows.push_back({1, length, length});
  for (int32_t length = 130; length <= 200; length += 3) rows.push_back({2, length, length});
  rows.push_back({0, 1, 3});
  rows.push_back({3, 64, 4});
  rows.push_back({4, 63, 5});
  const Tensors inputs = Inputs(texts, pool, rows);
  graph::Node node;
  node.set_op("paged_attention");
  graph::SetAttributes(pool.attributes, &node);
  // The reference widens the whole pool: what is in no view is NaN there and is not looked at.
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors want, graph::EvaluateNode(node, inputs));
  for (int threads : {1, 2, 4}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Tensors got,
                                Apply("paged_attention", pool.attributes, inputs, threads));
    ExpectNear(got[0], want[0], pool, 200);
  }
}

// Each row alone, all rows together, in another order, in chunks, at other slots, with longer views, on more threads.
TEST_P(PagedAttentionTest, ARowHasTheSameBitsInAnyCompany) {
  Pool pool = Make();
  const Texts texts(11);
  const std::vector<int64_t> lengths = {150, 5, 129, 70};
  std::vector<Row> rows;
  for (int32_t t = 40; t <= 150; ++t) rows.push_back({0, t, t});  // a chunk of a prompt
  rows.push_back({1, 5, 1});
  rows.push_back({2, 129, 2});  // decoding
  rows.push_back({3, 70, 3});
  rows.push_back({0, 0, 4});  // padding
  PlaceTexts(lengths, 420, 1, &pool);
  Fill(texts, 420, &pool);
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Tensors whole, Apply("paged_attention", pool.attributes, Inputs(texts, pool, rows), 1));

  PlaceTexts(lengths, 900, 2, &pool);
  Fill(texts, 900, &pool);
  for (int threads : {2, 3, 4}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Tensors moved,
                                Apply("paged_attention", pool.attributes,
                                      Inputs(texts, pool, rows, threads * 17), threads));
    for (size_t r = 0; r < rows.size(); ++r)
      ExpectSameBits(moved[0], static_cast<int64_t>(r), whole[0], static_cast<int64_t>(r), "moved");
  }
  for (size_t chunk : {1, 2, 3, 5, 37, 64}) {
    for (size_t begin = 0; begin < rows.size(); begin += chunk * (chunk < 5 ? 4 : 1)) {
      std::vector<Row> part(
          rows.begin() + static_cast<int64_t>(begin),
          rows.begin() + static_cast<int64_t>(std::min(begin + chunk, rows.size())));
      std::reverse(part.begin(), part.end());
      STRATA_ASSERT_OK_AND_ASSIGN(const Tensors got, Apply("paged_attention", pool.attributes,
                                                           Inputs(texts, pool, part), 2));
      for (size_t r = 0; r < part.size(); ++r)
        ExpectSameBits(got[0], static_cast<int64_t>(r), whole[0],
                       static_cast<int64_t>(begin + part.size() - 1 - r),
                       absl::StrCat("chunks of ", chunk));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, PagedAttentionTest,
    ::testing::Values(Case{"F32", chips::F32, 2, 1, 64, 64, false, false, 0, 0},
                      Case{"F16Grouped", chips::F16, 2, 4, 64, 64, false, false, 0, 0},
                      Case{"Bf16Group8", chips::BF16, 2, 8, 80, 80, false, false, 0, 0},
                      Case{"I8", chips::I8, 3, 2, 128, 128, false, false, 0, 0},
                      Case{"Window", chips::F32, 1, 4, 16, 16, false, false, 50, 0},
                      Case{"WindowOfOne", chips::F16, 1, 3, 8, 8, false, false, 1, 0},
                      Case{"Softcap", chips::F32, 2, 2, 32, 32, false, false, 0, 0.7},
                      Case{"Sinks", chips::BF16, 2, 5, 16, 16, false, true, 70, 0},
                      Case{"OddSizes", chips::F32, 3, 1, 5, 7, false, true, 0, 30},
                      Case{"OddI8", chips::I8, 1, 7, 19, 3, false, false, 20, 2},
                      Case{"Latent", chips::F16, 1, 6, 576, 512, true, false, 0, 0},
                      Case{"LatentI8", chips::I8, 1, 2, 40, 32, true, false, 0, 0}),
    [](const auto& info) { return info.param.name; });

// Paths of a tree of guesses are views that share a prefix: each row is as it would be in a text of its own.
TEST(PagedAttentionTest, ViewsThatShareSlots) {
  Pool tree;
  const Texts texts(3);
  PlaceTexts({100}, 200, 4, &tree);
  Fill(texts, 200, &tree);
  const std::vector<int32_t> trunk = tree.views[0];
  for (int32_t cut : {99, 70, 64, 1}) {
    std::vector<int32_t> path(trunk.begin(), trunk.begin() + cut);
    path.push_back(trunk[99]);  // the last key of the text follows another prefix
    tree.views.push_back(path);
  }
  std::vector<Row> rows = {{0, 100, 1}, {1, 100, 1}, {2, 71, 2}, {3, 65, 3}, {4, 2, 4}};
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors together, Apply("paged_attention", tree.attributes,
                                                            Inputs(texts, tree, rows), 2));
  ExpectSameBits(together[0], 1, together[0], 0, "the same path");
  for (size_t r = 0; r < rows.size(); ++r) {
    Pool alone = tree;
    alone.views = {tree.views[static_cast<size_t>(rows[r].view)]};
    STRATA_ASSERT_OK_AND_ASSIGN(
        const Tensors got, Apply("paged_attention", alone.attributes,
                                 Inputs(texts, alone, {{0, rows[r].length, rows[r].query}}), 1));
    ExpectSameBits(got[0], 0, together[0], static_cast<int64_t>(r), "alone");
  }
}

// A window slides on: slots behind it may be anybody's, or no slots at all.
TEST(PagedAttentionTest, WhatIsBehindTheWindowIsNotLookedAt) {
  Pool pool;
  const Texts texts(3);
  pool.attributes["window"] = Attr(9);
  PlaceTexts({150}, 200, 4, &pool);
  Fill(texts, 200, &pool);
  const std::vector<Row> rows = {{0, 20, 1}, {0, 150, 2}, {0, 147, 3}};
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Tensors whole, Apply("paged_attention", pool.attributes, Inputs(texts, pool, rows), 2));
  for (size_t j = 0; j < 150; ++j) {
    if (j < 11 || (j >= 20 && j < 138)) pool.views[0][j] = j % 2 == 0 ? -1 : 9999;
  }
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Tensors holes, Apply("paged_attention", pool.attributes, Inputs(texts, pool, rows), 2));
  for (int64_t r = 0; r < 3; ++r) ExpectSameBits(holes[0], r, whole[0], r, "holes");
}

// As the reference: exp(sink - sink) of an infinite sink is NaN, however many rows there are; that of -infinity is none.
TEST(PagedAttentionTest, SinksThatAreNoNumbers) {
  Pool pool;
  const Texts texts(3);
  PlaceTexts({70}, 200, 4, &pool);
  Fill(texts, 200, &pool);
  for (int64_t count : {1, 40}) {
    std::vector<Row> rows;
    for (int32_t r = 0; r < count; ++r) rows.push_back({0, 70 - r, r});
    pool.sinks = HostTensor();
    STRATA_ASSERT_OK_AND_ASSIGN(
        const Tensors none, Apply("paged_attention", pool.attributes, Inputs(texts, pool, rows)));
    pool.sinks = HostTensor::FromDoubles(chips::F32, {4}, {-INFINITY, INFINITY, NAN, -INFINITY});
    STRATA_ASSERT_OK_AND_ASSIGN(
        const Tensors got, Apply("paged_attention", pool.attributes, Inputs(texts, pool, rows)));
    for (int64_t i = 0; i < got[0].elements(); ++i) {
      const int64_t head = i / pool.Dv % 4;
      if (head == 1 || head == 2) {
        EXPECT_TRUE(std::isnan(got[0].data<float>()[i])) << count << " rows, element " << i;
      } else {
        EXPECT_EQ(got[0].data<float>()[i], none[0].data<float>()[i]) << count << " rows, " << i;
      }
    }
  }
}

TEST(PagedAttentionTest, WhatDoesNotFitIsNamed) {
  Pool pool;
  const Texts texts(3);
  PlaceTexts({70, 5}, 100, 4, &pool);
  Fill(texts, 100, &pool);
  const auto status = [&](const std::vector<Row>& rows) {
    return Apply("paged_attention", pool.attributes, Inputs(texts, pool, rows), 2).status();
  };
  const auto kRange = absl::StatusCode::kOutOfRange;
  EXPECT_THAT(status({{0, 1, 1}, {0, 71, 1}}),
              StatusIs(kRange, HasSubstr("row_length: row 1 has 71; views hold [0, 70] slots")));
  EXPECT_THAT(status({{0, -1, 1}}), StatusIs(kRange, HasSubstr("row_length: row 0 has -1")));
  EXPECT_THAT(status({{2, 1, 1}}),
              StatusIs(kRange, HasSubstr("row_view: row 0 has 2; there are 2 views")));
  EXPECT_THAT(status({{1, 6, 1}}), StatusIs(kRange, HasSubstr("views: element [1, 5] is -7")));
  pool.views[0][66] = 100;
  EXPECT_OK(status({{0, 66, 1}, {1, 5, 1}}));
  EXPECT_THAT(
      status({{1, 5, 1}, {0, 70, 1}}),
      StatusIs(kRange, HasSubstr("views: element [0, 66] is 100; the cache has 100 slots")));
}

TEST(PagedAttentionTest, NothingToDo) {
  Pool pool;
  const Texts texts(3);
  PlaceTexts({3}, 10, 4, &pool);
  Fill(texts, 10, &pool);
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Tensors none, Apply("paged_attention", pool.attributes, Inputs(texts, pool, {}), 2));
  EXPECT_EQ(none[0].elements(), 0);
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Tensors padding,
      Apply("paged_attention", pool.attributes, Inputs(texts, pool, {{0, 0, 1}, {-5, 0, 2}}), 2));
  for (double y : padding[0].ToDoubles()) EXPECT_EQ(y, 0);
}

}  // namespace
}  // namespace strata::compiler
