// The parts of a buffer, one a rank, where collectives reduce and copy. Parts may differ in size and be empty.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_SEGMENTS_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_SEGMENTS_H_

#include <algorithm>
#include <cstdint>

namespace strata::distributed {

// Bytes somewhere; whole elements.
struct Piece {
  char* data = nullptr;
  int64_t bytes = 0;
};

// What is only read.
struct View {
  View(const char* data, int64_t bytes) : data(data), bytes(bytes) {}
  View(const Piece& piece) : data(piece.data), bytes(piece.bytes) {}  // NOLINT: a Piece can be read
  const char* data;
  int64_t bytes;
};

// In order without gaps, or equally large ones at equal distances.
class Segments {
 public:
  // `count` elements in `parts` parts; the first ones have one more when they do not divide.
  Segments(char* data, int64_t count, int64_t element_bytes, int parts)
      : data_(data),
        parts_(parts),
        bytes_(count / parts * element_bytes),
        longer_(count % parts),
        element_bytes_(element_bytes),
        stride_(bytes_) {}

  // Part p is at data + p * stride.
  static Segments Strided(char* data, int64_t part_bytes, int64_t stride, int parts) {
    Segments segments(data, 0, 1, parts);
    segments.bytes_ = part_bytes;
    segments.stride_ = stride;
    return segments;
  }

  int parts() const { return parts_; }

  // Parts are counted modulo their number: -1 is the last.
  Piece operator[](int part) const {
    const int wrapped = (part % parts_ + parts_) % parts_;
    return {data_ + Offset(wrapped), bytes_ + (wrapped < longer_ ? element_bytes_ : 0)};
  }

  // Parts [first, last) as one piece, where there are no gaps; 0 <= first <= last <= parts().
  Piece Range(int first, int last) const { return {data_ + Offset(first), Bytes(first, last)}; }
  int64_t Bytes(int first, int last) const { return Offset(last) - Offset(first); }

 private:
  int64_t Offset(int part) const {
    return part * stride_ + std::min<int64_t>(part, longer_) * element_bytes_;
  }

  char* data_;
  int parts_;
  int64_t bytes_;   // of a part
  int64_t longer_;  // so many first parts have an element more
  int64_t element_bytes_;
  int64_t stride_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_SEGMENTS_H_
