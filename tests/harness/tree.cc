#include "tests/harness/tree.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "tests/harness/shell.h"

namespace waybill::harness {
namespace {

namespace fs = std::filesystem;

// A version's directory is the server's own and has its own time.
constexpr absl::string_view kOnlyTimeOfTop = ".d..t...... ./\n";

constexpr char kRecordProgram[] = R"(#!/bin/sh
# Says in a file outside of the package that it was started.
echo "$WAYBILL_JOB_ID $WAYBILL_SMS_ID $$" >>"$1"
while [ -n "$2" ] && [ ! -e "$2" ]; do sleep 0.05; done
echo "greetings from $WAYBILL_SMS_ID"
)";

void WriteFile(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string RandomBytes(std::int64_t count, std::mt19937_64& random) {
  std::string bytes(static_cast<std::size_t>(count), '\0');
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    const std::uint64_t word = random();
    bytes.replace(at, std::min<std::size_t>(8, bytes.size() - at),
                  reinterpret_cast<const char*>(&word),
                  std::min<std::size_t>(8, bytes.size() - at));
  }
  return bytes;
}

testing::AssertionResult SaysNothing(const std::vector<std::string>& words) {
  const Said said = RunProgram(words);
  if (said.exit_code == 0 && said.output.empty()) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure()
         << words.front() << " ended with " << said.exit_code << " and found:\n"
         << said.output.substr(0, 4000);
}

}  // namespace

void MakeSource(const std::string& directory, const SourceOptions& options) {
  const fs::path root(directory);
  fs::remove_all(root);
  std::mt19937_64 random(options.seed);
  WriteFile(root / "record.sh", kRecordProgram);
  fs::permissions(root / "record.sh", fs::perms(0755));
  WriteFile(root / "readme.txt", "what stands here is only for tests\n");
  WriteFile(root / "empty.txt", "");
  fs::create_directories(root / "no files");
  fs::create_symlink("../readme.txt",
                     (fs::create_directories(root / "lib"), root / "lib" / "link"));
  WriteFile(root / "lib" / "large.bin", RandomBytes(options.random_bytes * 3 / 4, random));
  WriteFile(root / "lib" / "deep" / "er" / "medium.bin",
            RandomBytes(options.random_bytes / 4, random));
  for (int i = 0; i < 20; ++i) {
    WriteFile(root / "share" / absl::StrCat("small_", i, ".txt"),
              absl::StrCat("file ", i, " of seed ", options.seed, "\n"));
  }
}

void ChangeALittle(const std::string& directory) {
  const fs::path path = fs::path(directory) / "lib" / "large.bin";
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(fs::file_size(path) / 2));
  file << "a small update";
}

testing::AssertionResult TreesAreEqual(const std::string& one, const std::string& other) {
  for (const std::string& directory : {one, other}) {
    if (!fs::is_directory(directory)) {
      return testing::AssertionFailure() << directory << " is not there";
    }
  }
  // Either may be a link, as `current` is.
  const std::string first = fs::canonical(one);
  const std::string second = fs::canonical(other);
  const Said said = RunProgram({"rsync", "-rlpt", "--dry-run", "--checksum", "--itemize-changes",
                                "--delete", first + "/", second + "/"});
  if (said.exit_code != 0 || (!said.output.empty() && said.output != kOnlyTimeOfTop)) {
    return testing::AssertionFailure() << "rsync ended with " << said.exit_code << " and found:\n"
                                       << said.output.substr(0, 4000);
  }
  return SaysNothing({"diff", "-r", "--no-dereference", first, second});
}

std::int64_t BytesBeneath(const std::string& directory) {
  std::int64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    if (at->is_regular_file(error) && !at->is_symlink(error)) {
      const auto size = at->file_size(error);
      bytes += error ? 0 : static_cast<std::int64_t>(size);
    }
  }
  return bytes;
}

std::int64_t EntriesBeneath(const std::string& directory) {
  std::int64_t count = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    ++count;
  }
  return count;
}

}  // namespace waybill::harness
