#ifndef WAYBILL_COMMON_CONTENT_TEST_CONTENT_H_
#define WAYBILL_COMMON_CONTENT_TEST_CONTENT_H_

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/content/chunk_store.h"
#include "common/content/codec.h"
#include "common/content/import.h"
#include "common/tree/directory.h"
#include "common/tree/test_directory.h"

/// What several tests of this folder need. For tests only.
namespace waybill::content {

/// Bytes that do not compress and are the same everywhere: splitmix64 of `seed`, little-endian.
inline std::string RandomBytes(size_t size, uint64_t seed) {
  std::string bytes;
  bytes.reserve(size + 8);
  for (uint64_t i = 1; bytes.size() < size; ++i) {
    uint64_t z = seed + i * 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z ^= z >> 31;
    for (int shift = 0; shift < 64; shift += 8) {
      bytes.push_back(static_cast<char>(z >> shift));
    }
  }
  bytes.resize(size);
  return bytes;
}

/// Bytes that compress: words chosen by `seed`.
inline std::string TextBytes(size_t size, uint64_t seed) {
  static constexpr absl::string_view kWords[] = {"send ", "distribute ", "run ", "package ",
                                                 "site ", "server\n",    "job ", "offer "};
  const std::string choices = RandomBytes(size / 4 + 1, seed);
  std::string bytes;
  for (size_t i = 0; bytes.size() < size; ++i) {
    const absl::string_view word = kWords[static_cast<uint8_t>(choices[i]) % 8];
    bytes.append(word.data(), word.size());
  }
  bytes.resize(size);
  return bytes;
}

/// A chunk that is stored raw.
inline StoredChunk RawChunk(std::string plain) {
  StoredChunk chunk;
  chunk.facts.digest = Sha256::Of(plain);
  chunk.facts.plain_bytes = static_cast<uint32_t>(plain.size());
  chunk.stored = std::move(plain);
  return chunk;
}

/// Runs a shell command and returns its exit code.
inline int Shell(const std::string& command) {
  return std::system(
      command.c_str());  // NOLINT(concurrency-mt-unsafe): tests have one thread here.
}

/// A source tree, a store and room for results, each in a directory of its own.
class ContentTest : public testing::Test {
 protected:
  ContentTest()
      : source(directory.Open().MakeDirectories("source").value()),
        output(directory.Open().MakeDirectories("output").value()),
        store(OpenStore()) {}

  std::unique_ptr<ChunkStore> OpenStore() const {
    return ChunkStore::Open(directory.Open().MakeDirectories("store").value()).value();
  }

  void WriteSource(absl::string_view path, absl::string_view bytes, bool executable = false) const {
    tree::WriteOptions options;
    options.durable = false;
    options.mode = executable ? 0755 : 0644;
    ASSERT_TRUE(source.WriteFile(path, bytes, options).ok()) << path;
  }

  std::string Path(absl::string_view name) const {
    return absl::StrCat(directory.path(), "/", name);
  }

  /// Imports the source and keeps the manifest.
  absl::StatusOr<ImportResult> Import(ImportOptions options = {}) {
    if (options.package_id.empty()) options.package_id = "CENAPP01";
    absl::StatusOr<ImportResult> result = ImportTree(source, *store, options);
    if (result.ok()) {
      EXPECT_EQ(result->manifest.Commit().value(), result->version);
    }
    return result;
  }

  const tree::TestDirectory directory;
  const tree::Directory source;
  const tree::Directory output;
  std::unique_ptr<ChunkStore> store;
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_TEST_CONTENT_H_
