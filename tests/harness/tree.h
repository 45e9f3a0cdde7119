#ifndef WAYBILL_TESTS_HARNESS_TREE_H_
#define WAYBILL_TESTS_HARNESS_TREE_H_

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace waybill::harness {

/// What a package's source shall hold beside its program record.sh.
struct SourceOptions {
  std::int64_t random_bytes = 256 << 10;  ///< Cannot be compressed, over a few files.
  std::uint64_t seed = 1;                 ///< Another one gives other bytes.
};

/// Makes a source tree at `directory`: files of several sizes in subdirectories, an empty one, an
/// empty file, a link, and the program that jobs run. Replaces what is there.
///
/// `record.sh STARTS [GATE]` appends one line "<job id> <SMS ID> <pid>" to the file STARTS, waits
/// until the file GATE is there, if one is named, prints a greeting and ends with 0.
void MakeSource(const std::string& directory, const SourceOptions& options = {});

/// Changes some bytes in the middle of the largest file.
void ChangeALittle(const std::string& directory);

/// Whether rsync, by checksums, and diff find the same in both directories: names, types, bytes,
/// link targets, modes and times (not the time of the directory itself).
testing::AssertionResult TreesAreEqual(const std::string& one, const std::string& other);

/// Of all regular files beneath, 0 if there is no such directory.
std::int64_t BytesBeneath(const std::string& directory);

/// How many things of any type are beneath, 0 if there is no such directory.
std::int64_t EntriesBeneath(const std::string& directory);

}  // namespace waybill::harness

#define EXPECT_TREE_EQ(one, other) EXPECT_TRUE(::waybill::harness::TreesAreEqual(one, other))

#endif  // WAYBILL_TESTS_HARNESS_TREE_H_
