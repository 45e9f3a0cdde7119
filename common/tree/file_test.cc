#include "common/tree/file.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/status/status_matchers.h"
#include "common/tree/directory.h"
#include "common/tree/test_directory.h"

namespace waybill::tree {
namespace {

using Code = absl::StatusCode;

class FileTest : public testing::Test {
 protected:
  std::string Content(const std::string& path) {
    return directory_.ReadFile(path, 1 << 24).value();
  }

  TestDirectory temporary_;
  const Directory directory_ = temporary_.Open();
};

TEST_F(FileTest, ReadsWhatWasWrittenAtAnyOffset) {
  File file = directory_.CreateFile("f").value();
  ASSERT_THAT(file.WriteFull(0, "0123456789"), IsOk());
  ASSERT_THAT(file.WriteFull(3, "abc"), IsOk());
  std::string buffer(4, '\0');
  ASSERT_THAT(file.ReadFull(2, absl::MakeSpan(buffer)), IsOk());
  EXPECT_EQ(buffer, "2abc");
  EXPECT_EQ(file.Size().value(), 10);
}

TEST_F(FileTest, ReadsFewerBytesOnlyAtTheEnd) {
  File file = directory_.CreateFile("f").value();
  ASSERT_THAT(file.WriteFull(0, "0123"), IsOk());
  std::string buffer(8, '\0');
  EXPECT_EQ(file.ReadAt(1, absl::MakeSpan(buffer)).value(), 3);
  EXPECT_EQ(file.ReadAt(4, absl::MakeSpan(buffer)).value(), 0);
  EXPECT_THAT(file.ReadFull(1, absl::MakeSpan(buffer)), StatusIs(Code::kDataLoss));
}

TEST_F(FileTest, AppendsAndTellsWhere) {
  File file = directory_.CreateFile("f").value();
  EXPECT_EQ(file.AppendFull("abc").value(), 0);
  EXPECT_EQ(file.AppendFull("de").value(), 3);
  EXPECT_THAT(file.Sync(), IsOk());
  EXPECT_EQ(Content("f"), "abcde");
  EXPECT_THAT(file.Truncate(1), IsOk());
  EXPECT_EQ(file.AppendFull("z").value(), 1);
  EXPECT_EQ(Content("f"), "az");
}

TEST_F(FileTest, ReservesBlocksWithoutChangingTheLength) {
  File file = directory_.CreateFile("f").value();
  ASSERT_THAT(file.Reserve(1 << 20), IsOk());
  EXPECT_EQ(file.Size().value(), 0);
  struct stat status = {};
  ASSERT_EQ(fstat(file.descriptor(), &status), 0);
  EXPECT_GE(status.st_blocks * 512, 1 << 20);
}

/// Files may grow to `bytes` only, for the length of the scope. Further writes fail with EFBIG,
/// which any user can provoke and which runs through the same code as a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : signal_(signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit = {bytes, old_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    signal(SIGXFSZ, signal_);
  }

 private:
  rlimit old_ = {};
  const sighandler_t signal_;
};

TEST_F(FileTest, AnAppendThatFailsLeavesNoPartOfItself) {
  File file = directory_.CreateFile("f").value();
  ASSERT_THAT(file.AppendFull("whole record"), IsOk());
  {
    const FileSizeLimit limit(64);
    EXPECT_THAT(file.AppendFull(std::string(100, 'x')), StatusIs(Code::kResourceExhausted));
  }
  EXPECT_EQ(Content("f"), "whole record");
}

TEST_F(FileTest, AWriteFileThatFailsKeepsTheOldFileAndNoRest) {
  ASSERT_THAT(directory_.WriteFile("f", "old"), IsOk());
  {
    const FileSizeLimit limit(64);
    EXPECT_THAT(directory_.WriteFile("f", std::string(100, 'x')),
                StatusIs(Code::kResourceExhausted));
  }
  EXPECT_EQ(Content("f"), "old");
  EXPECT_EQ(directory_.List().value().size(), 1);
}

TEST_F(FileTest, AFullDiskIsResourceExhaustedAndLeavesNoPart) {
  if (geteuid() != 0) {
    // Without the right to mount, the device that is always full stands for the disk.
    File full(open("/dev/full", O_RDWR | O_CLOEXEC), "full");
    EXPECT_THAT(full.WriteFull(0, "x"), StatusIs(Code::kResourceExhausted));
    return;
  }
  ASSERT_THAT(directory_.MakeDirectory("disk"), IsOk());
  const std::string path = temporary_.path() + "/disk";
  ASSERT_EQ(mount("tmpfs", path.c_str(), "tmpfs", 0, "size=256k"), 0) << "errno " << errno;
  {
    const Directory disk = Directory::Open(path).value();
    File file = disk.CreateFile("f").value();
    EXPECT_THAT(file.AppendFull("whole record"), IsOk());
    const absl::Status status = file.AppendFull(std::string(1 << 20, 'x')).status();
    EXPECT_THAT(status, StatusIs(Code::kResourceExhausted)) << status;
    EXPECT_EQ(file.Size().value(), 12);
    EXPECT_THAT(file.Reserve(1 << 20), StatusIs(Code::kResourceExhausted));
    EXPECT_THAT(disk.WriteFile("g", std::string(1 << 20, 'x')), StatusIs(Code::kResourceExhausted));
    EXPECT_EQ(disk.List().value().size(), 1);
    EXPECT_LE(disk.Space().value().total_bytes, 256 << 10);
  }
  ASSERT_EQ(umount(path.c_str()), 0);
}

TEST_F(FileTest, CopiesAPartOfAnotherFile) {
  std::string bytes(3 << 20, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 13);
  ASSERT_THAT(directory_.WriteFile("from", bytes, {.durable = false}), IsOk());
  const File from = directory_.OpenFile("from").value();
  File to = directory_.CreateFile("to").value();
  ASSERT_THAT(to.WriteFull(0, "head"), IsOk());
  ASSERT_THAT(to.CopyFrom(from, 1000, 2 << 20, 4), IsOk());
  EXPECT_EQ(Content("to"), "head" + bytes.substr(1000, 2 << 20));
}

TEST_F(FileTest, CopiesThroughMemoryWhereTheKernelCannot) {
  std::string bytes(5 << 19, 'a');
  bytes[1 << 20] = 'b';
  ASSERT_THAT(directory_.WriteFile("from", bytes, {.durable = false}), IsOk());
  const File from = directory_.OpenFile("from").value();
  // The kernel does not copy into another file system, and this file has one of its own.
  File to(memfd_create("to", MFD_CLOEXEC), "to");
  const absl::StatusOr<CopyMethod> method =
      to.CopyFrom(from, 0, static_cast<int64_t>(bytes.size()));
  ASSERT_THAT(method, IsOk());
  EXPECT_EQ(*method, CopyMethod::kCopy);
  std::string copied(bytes.size(), '\0');
  ASSERT_THAT(to.ReadFull(0, absl::MakeSpan(copied)), IsOk());
  EXPECT_EQ(copied, bytes);
}

TEST_F(FileTest, ACopyFromAShortSourceIsDataLoss) {
  ASSERT_THAT(directory_.WriteFile("from", "abc"), IsOk());
  const File from = directory_.OpenFile("from").value();
  File to = directory_.CreateFile("to").value();
  EXPECT_THAT(to.CopyFrom(from, 1, 5), StatusIs(Code::kDataLoss));
  EXPECT_THAT(to.CopyFrom(from, 0, 0), IsOk());
}

TEST_F(FileTest, SetsModeAndTimeExactly) {
  const mode_t old = umask(077);
  File file = directory_.CreateFile("f", 0666).value();
  umask(old);
  EXPECT_EQ(file.Stat().value().mode, 0600);
  ASSERT_THAT(file.SetMode(0755), IsOk());
  const absl::Time time = absl::FromUnixNanos(1234567890123456789);
  ASSERT_THAT(file.SetModifiedTime(time), IsOk());
  const FileInfo info = file.Stat().value();
  EXPECT_EQ(info.mode, 0755);
  EXPECT_EQ(info.modified_time, time);
  EXPECT_EQ(info.type, FileType::kRegular);
}

TEST_F(FileTest, IsLockedByOneHolderAtATime) {
  ASSERT_THAT(directory_.WriteFile("f", ""), IsOk());
  {
    File first = directory_.OpenReadWrite("f").value();
    ASSERT_THAT(first.TryLock(), IsOk());
    File second = directory_.OpenReadWrite("f").value();
    EXPECT_THAT(second.TryLock(), StatusIs(Code::kFailedPrecondition));
  }
  File third = directory_.OpenReadWrite("f").value();
  EXPECT_THAT(third.TryLock(), IsOk());
}

TEST_F(FileTest, AWriteToAFileOpenedForReadingIsAnError) {
  ASSERT_THAT(directory_.WriteFile("f", "abc"), IsOk());
  File file = directory_.OpenFile("f").value();
  EXPECT_FALSE(file.WriteFull(0, "x").ok());
  EXPECT_EQ(Content("f"), "abc");
}

}  // namespace
}  // namespace waybill::tree
