// JsonObjectScanner: finds where a JSON object ends that comes piece by piece, and where its members lie.
//
//   JsonObjectScanner scanner;
//   for (char c : R"({"name": "f", "n": {"a": 1}} and more)")
//     if (scanner.Push(c) != JsonObjectScanner::State::kMore) break;
//   scanner.size()     // 28: up to the last brace
//   scanner.members()  // {[1,7), [9,12)}, {[14,17), [19,27)}
//
// It follows RFC 8259 but for the inside of numbers, of literals and of \u escapes, and the UTF-8 of strings: text that
// it takes must still be parsed. Each character is looked at once.
#ifndef STRATA_INFERENCE_SERVER_JSON_OBJECT_SCANNER_H_
#define STRATA_INFERENCE_SERVER_JSON_OBJECT_SCANNER_H_

#include <cstddef>
#include <string>
#include <vector>

namespace strata::inference {

class JsonObjectScanner {
 public:
  enum class State { kMore, kDone, kBad };
  static constexpr size_t kMaxDepth = 64;  // deeper is kBad

  // A member of the object itself, not of what is in it: half-open ranges of characters. The key has its quotes. A
  // value that is not over yet ends at 0.
  struct Member {
    size_t key_begin, key_end, value_begin = 0, value_end = 0;
  };

  // The next character; the first must be the brace. Not to be called after kDone or kBad.
  State Push(char c);

  size_t size() const { return size_; }  // characters so far
  const std::vector<Member>& members() const { return members_; }

 private:
  // What may come next, white space aside.
  enum class Expect { kObject, kFirstKey, kKey, kColon, kFirstValue, kValue, kNext };

  State InString(char c);
  State Next(char c);
  State Open(char c);
  State Close(char c);
  void BeginValue();
  void EndValue(size_t end);

  Expect expect_ = Expect::kObject;
  std::string nest_;  // the braces and brackets that are open
  bool string_ = false, escaped_ = false, key_ = false, scalar_ = false;
  size_t size_ = 0;
  std::vector<Member> members_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_JSON_OBJECT_SCANNER_H_
