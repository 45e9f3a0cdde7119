#include "common/tree/directory.h"

#include <string>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/status/status_matchers.h"
#include "common/tree/test_directory.h"

namespace waybill::tree {
namespace {

using Code = absl::StatusCode;
using testing::ElementsAre;

class DirectoryTest : public testing::Test {
 protected:
  std::vector<std::string> Names(const Directory& directory) {
    std::vector<std::string> names;
    const std::vector<Entry> entries = directory.List().value();
    names.reserve(entries.size());
    for (const Entry& entry : entries) names.push_back(entry.name);
    return names;
  }

  TestDirectory temporary_;
  const Directory directory_ = temporary_.Open();
};

TEST_F(DirectoryTest, OpensOnlyAbsoluteRoots) {
  EXPECT_THAT(Directory::Open("tmp"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(Directory::Open(""), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(Directory::Open(temporary_.path() + "/absent"), StatusIs(Code::kNotFound));
}

TEST_F(DirectoryTest, CreatesARootWithItsParentsAndOpensItAgain) {
  const std::string path = temporary_.path() + "/a/b/c//";
  ASSERT_THAT(Directory::Create(path), IsOk());
  EXPECT_THAT(Directory::Create(path), IsOk());
  EXPECT_THAT(directory_.OpenDirectory("a/b/c"), IsOk());
}

TEST_F(DirectoryTest, DoesNotCreateARootOverAFile) {
  ASSERT_THAT(directory_.WriteFile("f", ""), IsOk());
  EXPECT_THAT(Directory::Create(temporary_.path() + "/f"), StatusIs(Code::kFailedPrecondition));
}

TEST_F(DirectoryTest, MakesDirectories) {
  EXPECT_THAT(directory_.MakeDirectory("a/b"), StatusIs(Code::kNotFound));
  EXPECT_THAT(directory_.MakeDirectory("a"), IsOk());
  EXPECT_THAT(directory_.MakeDirectory("a"), StatusIs(Code::kAlreadyExists));
  ASSERT_THAT(directory_.MakeDirectories("a/b/c"), IsOk());
  const Directory again = directory_.MakeDirectories("a/b/c").value();
  ASSERT_THAT(again.WriteFile("f", "x"), IsOk());
  EXPECT_EQ(directory_.ReadFile("a/b/c/f", 1).value(), "x");
}

TEST_F(DirectoryTest, FollowsItsDirectoryThroughARename) {
  const Directory held = directory_.MakeDirectories("old").value();
  ASSERT_THAT(directory_.Rename("old", directory_, "new"), IsOk());
  ASSERT_THAT(held.WriteFile("f", "x"), IsOk());
  EXPECT_THAT(directory_.Exists("new/f"), IsOk());
  EXPECT_TRUE(directory_.Exists("new/f").value());
}

TEST_F(DirectoryTest, CreatesAFileOnlyIfNothingIsThere) {
  ASSERT_THAT(directory_.CreateFile("f"), IsOk());
  EXPECT_THAT(directory_.CreateFile("f"), StatusIs(Code::kAlreadyExists));
  ASSERT_THAT(directory_.MakeLink("dangling", "nowhere"), IsOk());
  EXPECT_THAT(directory_.CreateFile("dangling"), StatusIs(Code::kAlreadyExists));
  EXPECT_FALSE(directory_.Exists("nowhere").value());
}

TEST_F(DirectoryTest, OpensOrCreatesWithoutCutting) {
  ASSERT_THAT(directory_.OpenOrCreate("f").value().AppendFull("abc"), IsOk());
  EXPECT_EQ(directory_.OpenOrCreate("f").value().Size().value(), 3);
  EXPECT_THAT(directory_.OpenReadWrite("absent"), StatusIs(Code::kNotFound));
}

TEST_F(DirectoryTest, ReadsFilesUpToALimit) {
  ASSERT_THAT(directory_.WriteFile("f", "12345"), IsOk());
  EXPECT_EQ(directory_.ReadFile("f", 5).value(), "12345");
  EXPECT_THAT(directory_.ReadFile("f", 4), StatusIs(Code::kResourceExhausted));
  EXPECT_THAT(directory_.ReadFile("absent", 4), StatusIs(Code::kNotFound));
  EXPECT_THAT(directory_.ReadFile("f/x", 4), StatusIs(Code::kFailedPrecondition));
}

TEST_F(DirectoryTest, WriteFileReplacesAtOnceAndLeavesNothingElse) {
  ASSERT_THAT(directory_.WriteFile("f", "old"), IsOk());
  const File reader = directory_.OpenFile("f").value();
  ASSERT_THAT(directory_.WriteFile("f", "new!", {.mode = 0640}), IsOk());
  EXPECT_EQ(reader.Size().value(), 3);
  EXPECT_EQ(directory_.ReadFile("f", 9).value(), "new!");
  EXPECT_EQ(directory_.Stat("f").value().mode, 0640);
  EXPECT_THAT(Names(directory_), ElementsAre("f"));
}

TEST_F(DirectoryTest, WriteFileWorksForTheLongestName) {
  const std::string name(kNameBytesMax, 'n');
  ASSERT_THAT(directory_.WriteFile(name, "x"), IsOk());
  EXPECT_EQ(directory_.ReadFile(name, 1).value(), "x");
}

TEST_F(DirectoryTest, RenamesBetweenDirectories) {
  const Directory other = directory_.MakeDirectories("other").value();
  ASSERT_THAT(directory_.WriteFile("a", "a"), IsOk());
  ASSERT_THAT(other.WriteFile("b", "b"), IsOk());
  EXPECT_THAT(directory_.RenameNoReplace("a", other, "b"), StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(directory_.Exchange("a", other, "b"), IsOk());
  EXPECT_EQ(directory_.ReadFile("a", 1).value(), "b");
  EXPECT_THAT(directory_.Rename("a", other, "b"), IsOk());
  EXPECT_EQ(other.ReadFile("b", 1).value(), "b");
  EXPECT_THAT(directory_.Rename("a", other, "b"), StatusIs(Code::kNotFound));
}

TEST_F(DirectoryTest, RemovesFilesLinksAndEmptyDirectories) {
  ASSERT_THAT(directory_.WriteFile("f", ""), IsOk());
  ASSERT_THAT(directory_.MakeLink("l", "f"), IsOk());
  ASSERT_THAT(directory_.MakeDirectories("d/e"), IsOk());
  EXPECT_THAT(directory_.Remove("l"), IsOk());
  EXPECT_THAT(directory_.Remove("f"), IsOk());
  EXPECT_THAT(directory_.Remove("f"), StatusIs(Code::kNotFound));
  EXPECT_THAT(directory_.Remove("d"), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(directory_.RemoveDirectory("d"), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(directory_.RemoveDirectory("d/e"), IsOk());
  EXPECT_THAT(directory_.RemoveDirectory("d"), IsOk());
}

TEST_F(DirectoryTest, ListsEntriesInOrderWithWhatTheyAre) {
  ASSERT_THAT(directory_.WriteFile("b", "12", {.mode = 0600}), IsOk());
  ASSERT_THAT(directory_.MakeDirectory("a"), IsOk());
  ASSERT_THAT(directory_.MakeLink("c", "absent"), IsOk());
  ASSERT_EQ(mkfifo((temporary_.path() + "/d").c_str(), 0600), 0);
  const std::vector<Entry> entries = directory_.List().value();
  ASSERT_THAT(Names(directory_), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(entries[0].info.type, FileType::kDirectory);
  EXPECT_EQ(entries[1].info.type, FileType::kRegular);
  EXPECT_EQ(entries[1].info.size_bytes, 2);
  EXPECT_EQ(entries[1].info.mode, 0600);
  EXPECT_EQ(entries[1].info.inode, directory_.Stat("b").value().inode);
  EXPECT_EQ(entries[2].info.type, FileType::kLink);
  EXPECT_EQ(entries[3].info.type, FileType::kOther);
  EXPECT_EQ(directory_.List().value().size(), 4) << "a second listing sees the same";
}

TEST_F(DirectoryTest, LinksAreReadAndNotFollowed) {
  ASSERT_THAT(directory_.WriteFile("f", "x"), IsOk());
  ASSERT_THAT(directory_.MakeLink("l", "f"), IsOk());
  EXPECT_THAT(directory_.MakeLink("l", "g"), StatusIs(Code::kAlreadyExists));
  EXPECT_EQ(directory_.ReadLink("l").value(), "f");
  EXPECT_THAT(directory_.ReadLink("f"), StatusIs(Code::kInvalidArgument));
  EXPECT_EQ(directory_.Stat("l").value().type, FileType::kLink);
  EXPECT_THAT(directory_.OpenFile("l"), StatusIs(Code::kFailedPrecondition));
}

TEST_F(DirectoryTest, SetsTimesOfEntriesAndOfLinksThemselves) {
  const absl::Time time = absl::FromUnixSeconds(1000000000);
  ASSERT_THAT(directory_.WriteFile("f", "x"), IsOk());
  ASSERT_THAT(directory_.MakeLink("l", "f"), IsOk());
  ASSERT_THAT(directory_.SetModifiedTime("l", time), IsOk());
  EXPECT_EQ(directory_.Stat("l").value().modified_time, time);
  EXPECT_NE(directory_.Stat("f").value().modified_time, time);
  ASSERT_THAT(directory_.SetMode(0711), IsOk());
  ASSERT_THAT(directory_.SetModifiedTime(time), IsOk());
  EXPECT_EQ(directory_.Stat().value().modified_time, time);
  EXPECT_EQ(directory_.Stat().value().mode, 0711);
  EXPECT_THAT(directory_.Sync(), IsOk());
}

TEST_F(DirectoryTest, TellsTheSpaceOfItsFileSystem) {
  const SpaceInfo space = directory_.Space().value();
  EXPECT_GT(space.total_bytes, 0);
  EXPECT_LE(space.free_bytes, space.total_bytes);
  EXPECT_EQ(space.file_system, directory_.Stat().value().device);
}

TEST_F(DirectoryTest, WalksInOrderWithoutFollowingLinks) {
  ASSERT_THAT(directory_.MakeDirectories("b/c"), IsOk());
  ASSERT_THAT(directory_.WriteFile("b/c/f", "x"), IsOk());
  ASSERT_THAT(directory_.WriteFile("a", "y"), IsOk());
  ASSERT_THAT(directory_.MakeLink("d", "b"), IsOk());
  std::vector<std::string> seen;
  ASSERT_THAT(
      directory_.Walk([&](const Directory& parent, const std::string& path, const Entry& entry) {
        EXPECT_EQ(parent.Stat(entry.name).value().inode, entry.info.inode);
        seen.push_back(path);
        return absl::OkStatus();
      }),
      IsOk());
  EXPECT_THAT(seen, ElementsAre("a", "b", "b/c", "b/c/f", "d"));
}

TEST_F(DirectoryTest, AWalkEndsWithTheFirstErrorOfItsVisitor) {
  ASSERT_THAT(directory_.WriteFile("a", ""), IsOk());
  ASSERT_THAT(directory_.WriteFile("b", ""), IsOk());
  int visits = 0;
  const absl::Status status =
      directory_.Walk([&](const Directory&, const std::string&, const Entry&) {
        ++visits;
        return absl::CancelledError("enough");
      });
  EXPECT_THAT(status, StatusIs(Code::kCancelled));
  EXPECT_EQ(visits, 1);
}

TEST_F(DirectoryTest, RemovesATreeOfAnyShape) {
  const Directory tree = directory_.MakeDirectories("t/a/b/c").value();
  ASSERT_THAT(tree.WriteFile("f", "x"), IsOk());
  ASSERT_THAT(directory_.MakeDirectories("t/x/y"), IsOk());
  ASSERT_THAT(directory_.WriteFile("t/x/y/f", "x"), IsOk());
  ASSERT_EQ(mkfifo((temporary_.path() + "/t/x/fifo").c_str(), 0600), 0);
  for (const char* path : {"t/a/b/c", "t/a/b", "t/a", "t/x/y", "t/x", "t"}) {
    ASSERT_THAT(directory_.OpenDirectory(path).value().SetMode(0555), IsOk());
  }
  EXPECT_THAT(directory_.RemoveTree("t"), IsOk());
  EXPECT_THAT(Names(directory_), ElementsAre());
  EXPECT_THAT(directory_.RemoveTree("t"), IsOk()) << "absent is fine";
}

TEST_F(DirectoryTest, RemoveTreeTakesASingleFileToo) {
  ASSERT_THAT(directory_.WriteFile("f", ""), IsOk());
  EXPECT_THAT(directory_.RemoveTree("f"), IsOk());
  EXPECT_FALSE(directory_.Exists("f").value());
}

}  // namespace
}  // namespace waybill::tree
