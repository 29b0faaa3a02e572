// Remembers the ids of pieces of text: a table of fixed size for short pieces of few tokens, which
// nearly all are.
//
//   PieceCache cache;
//   const PieceCache::Key key = PieceCache::KeyOf(" the");
//   if (!cache.Find(key, &ids)) { ...; cache.Store(key, new_ids); }
//
// A set of two entries is one cache line; a new piece pushes out the less recent of its set. Not
// thread-safe: each thread that encodes has its own.
#ifndef STRATA_LLM_TOKENIZER_PIECE_CACHE_H_
#define STRATA_LLM_TOKENIZER_PIECE_CACHE_H_

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace strata::llm {

class PieceCache {
 public:
  static constexpr size_t kLongestPiece = 15;  // bytes
  static constexpr size_t kMostIds = 4;

  // A whole piece with its size.
  struct Key {
    uint64_t low;
    uint64_t high;
  };

  PieceCache() : sets_(size_t{1} << kSetBits) {}

  // `piece` has 1 to kLongestPiece bytes.
  static Key KeyOf(absl::string_view piece) {
    const char* data = piece.data();
    const size_t size = piece.size();
    const uint64_t tag = static_cast<uint64_t>(size) << 56;
    if (size >= 8) {
      // The last eight bytes, less those that are already in the first eight.
      const uint64_t tail = Load<uint64_t>(data + size - 8);
      return {Load<uint64_t>(data), size == 8 ? tag : tag | tail >> (128 - 8 * size)};
    }
    if (size >= 4) {
      const uint64_t tail = Load<uint32_t>(data + size - 4);
      return {Load<uint32_t>(data) | tail << (8 * size - 32), tag};
    }
    const uint64_t first = static_cast<uint8_t>(data[0]);
    const uint64_t middle = static_cast<uint8_t>(data[size / 2]);
    const uint64_t last = static_cast<uint8_t>(data[size - 1]);
    return {first | middle << (8 * (size / 2)) | last << (8 * (size - 1)), tag};
  }

  // Appends the ids of the piece if it is there.
  bool Find(const Key& key, std::vector<int32_t>* ids) {
    Set& set = sets_[IndexOf(key)];
    if (!Same(set.entries[0], key)) {
      if (!Same(set.entries[1], key)) return false;
      std::swap(set.entries[0], set.entries[1]);
    }
    const Entry& entry = set.entries[0];
    for (size_t i = 0; i < kMostIds && entry.ids[i] >= 0; ++i) ids->push_back(entry.ids[i]);
    return true;
  }

  // More than kMostIds ids are not kept.
  void Store(const Key& key, absl::Span<const int32_t> ids) {
    if (ids.size() > kMostIds) return;
    Set& set = sets_[IndexOf(key)];
    set.entries[1] = set.entries[0];
    Entry& entry = set.entries[0];
    entry.key = key;
    for (size_t i = 0; i < kMostIds; ++i) entry.ids[i] = i < ids.size() ? ids[i] : -1;
  }

 private:
  static constexpr int kSetBits = 14;  // 1 MiB in all

  struct Entry {
    Key key = {0, 0};  // no piece has size 0
    int32_t ids[kMostIds] = {-1, -1, -1, -1};
  };
  struct alignas(64) Set {
    Entry entries[2];
  };

  template <typename Word>
  static Word Load(const char* data) {
    Word word;
    std::memcpy(&word, data, sizeof(word));
    return word;
  }

  static bool Same(const Entry& entry, const Key& key) {
    return entry.key.low == key.low && entry.key.high == key.high;
  }

  static size_t IndexOf(const Key& key) {
    const uint64_t mixed = (key.low ^ (key.high * 0xC2B2AE3D27D4EB4Fu)) * 0x9E3779B97F4A7C15u;
    return (mixed ^ mixed << 32) >> (64 - kSetBits);
  }

  std::vector<Set> sets_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_PIECE_CACHE_H_
