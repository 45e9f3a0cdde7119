// What a hostile path, tree or local process may try against Directory.

#include <atomic>
#include <cstdio>
#include <fcntl.h>
#include <functional>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "absl/strings/match.h"

#include "common/status/status_matchers.h"
#include "common/tree/directory.h"
#include "common/tree/test_directory.h"

namespace waybill::tree {
namespace {

using Code = absl::StatusCode;

/// `outside` holds what must stay untouched; `root` is the tree, in which `door` leads outside.
class DirectoryAttackTest : public testing::Test {
 protected:
  DirectoryAttackTest() {
    EXPECT_TRUE(outside_.WriteFile("secret", "s").ok());
    EXPECT_TRUE(root_.MakeLink("door", "../outside").ok());
    EXPECT_TRUE(root_.WriteFile("mine", "m").ok());
  }

  /// Every operation that takes a path, applied to it.
  std::vector<std::pair<std::string, absl::Status>> TryAll(const std::string& path) {
    return {{"OpenDirectory", root_.OpenDirectory(path).status()},
            {"MakeDirectory", root_.MakeDirectory(path)},
            {"MakeDirectories", root_.MakeDirectories(path).status()},
            {"OpenFile", root_.OpenFile(path).status()},
            {"OpenReadWrite", root_.OpenReadWrite(path).status()},
            {"OpenOrCreate", root_.OpenOrCreate(path).status()},
            {"CreateFile", root_.CreateFile(path).status()},
            {"ReadFile", root_.ReadFile(path, 100).status()},
            {"WriteFile", root_.WriteFile(path, "evil")},
            {"Rename from", root_.Rename(path, root_, "stolen")},
            {"Rename to", root_.Rename("mine", root_, path)},
            {"RenameNoReplace", root_.RenameNoReplace("mine", root_, path)},
            {"Exchange", root_.Exchange("mine", root_, path)},
            {"Remove", root_.Remove(path)},
            {"RemoveDirectory", root_.RemoveDirectory(path)},
            {"RemoveTree", root_.RemoveTree(path)},
            {"MakeLink", root_.MakeLink(path, "x")},
            {"ReadLink", root_.ReadLink(path).status()},
            {"Stat", root_.Stat(path).status()},
            {"Exists", root_.Exists(path).status()},
            {"SetModifiedTime", root_.SetModifiedTime(path, absl::UnixEpoch())}};
  }

  void ExpectOutsideUntouched() {
    ASSERT_EQ(outside_.List().value().size(), 1);
    EXPECT_EQ(outside_.ReadFile("secret", 9).value(), "s");
    EXPECT_NE(outside_.Stat("secret").value().modified_time, absl::UnixEpoch());
  }

  TestDirectory temporary_;
  const Directory base_ = temporary_.Open();
  const Directory root_ = base_.MakeDirectories("root").value();
  const Directory outside_ = base_.MakeDirectories("outside").value();
};

TEST_F(DirectoryAttackTest, NoOperationTakesAPathThatClimbsOrIsMalformed) {
  for (const std::string path : {"../outside/secret", "..", "mine/../../outside/secret",
                                 "/etc/passwd", "", ".", "./mine", "mine/", "a//b", "a\nb"}) {
    for (const auto& [operation, status] : TryAll(path)) {
      EXPECT_THAT(status, StatusIs(Code::kInvalidArgument)) << operation << " " << path;
    }
  }
  ExpectOutsideUntouched();
}

TEST_F(DirectoryAttackTest, NoOperationPassesALinkInTheMiddle) {
  for (const std::string path : {"door/secret", "door/new", "door/sub/new"}) {
    for (const auto& [operation, status] : TryAll(path)) {
      EXPECT_THAT(status, StatusIs(Code::kFailedPrecondition))
          << operation << " " << path << " " << status;
    }
  }
  ExpectOutsideUntouched();
}

TEST_F(DirectoryAttackTest, ALinkWithinTheTreeIsNotPassedEither) {
  ASSERT_THAT(root_.MakeDirectories("real"), IsOk());
  ASSERT_THAT(root_.MakeLink("alias", "real"), IsOk());
  EXPECT_THAT(root_.WriteFile("alias/f", ""), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(root_.OpenDirectory("alias"), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(root_.MakeDirectories("alias"), StatusIs(Code::kFailedPrecondition));
}

TEST_F(DirectoryAttackTest, ALinkAtTheEndIsReplacedAndNotWrittenThrough) {
  ASSERT_THAT(root_.MakeLink("pointer", "../outside/secret"), IsOk());
  EXPECT_THAT(root_.OpenReadWrite("pointer"), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(root_.OpenOrCreate("pointer"), StatusIs(Code::kFailedPrecondition));
  ASSERT_THAT(root_.WriteFile("pointer", "mine"), IsOk());
  EXPECT_EQ(root_.Stat("pointer").value().type, FileType::kRegular);
  ExpectOutsideUntouched();
}

TEST_F(DirectoryAttackTest, AHeldDirectoryStaysTheSameWhenItsNameBecomesALink) {
  const Directory held = root_.MakeDirectories("sub").value();
  ASSERT_THAT(root_.Rename("sub", root_, "moved"), IsOk());
  ASSERT_THAT(root_.MakeLink("sub", "../outside"), IsOk());
  ASSERT_THAT(held.WriteFile("f", "x"), IsOk());
  EXPECT_TRUE(root_.Exists("moved/f").value());
  ExpectOutsideUntouched();
}

TEST_F(DirectoryAttackTest, NothingEscapesWhileARacerSwapsDirectoryAndLink) {
  ASSERT_THAT(root_.MakeDirectories("sub"), IsOk());
  ASSERT_THAT(root_.MakeLink("swap", "../outside"), IsOk());
  std::atomic<bool> over = false;
  std::thread racer([&] {
    for (int i = 0; i < 20000; ++i) EXPECT_THAT(root_.Exchange("sub", root_, "swap"), IsOk());
    over = true;
  });
  int written = 0;
  int refused = 0;
  while (!over) {
    const absl::Status status = root_.WriteFile("sub/f", "x", {.durable = false});
    EXPECT_TRUE(status.ok() || status.code() == Code::kFailedPrecondition) << status;
    ++(status.ok() ? written : refused);
    root_.MakeDirectories("sub/made/deep").status().IgnoreError();
    root_.RemoveTree("sub/made").IgnoreError();
  }
  racer.join();
  EXPECT_GT(written, 0);
  EXPECT_GT(refused, 0) << "the race was not met";
  ExpectOutsideUntouched();
}

TEST_F(DirectoryAttackTest, AFifoDoesNotBlock) {
  ASSERT_EQ(mkfifo((root_.path() + "/fifo").c_str(), 0600), 0);
  EXPECT_THAT(root_.OpenFile("fifo"), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(root_.OpenReadWrite("fifo"), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(root_.OpenOrCreate("fifo"), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(root_.ReadFile("fifo", 10), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(root_.OpenFile("door"), StatusIs(Code::kFailedPrecondition));
}

TEST_F(DirectoryAttackTest, RemoveTreeDoesNotFollowLinks) {
  ASSERT_THAT(root_.MakeDirectories("t/sub"), IsOk());
  ASSERT_THAT(root_.MakeLink("t/out", "../../outside"), IsOk());
  ASSERT_THAT(root_.MakeLink("t/sub/out", "../../../outside"), IsOk());
  ASSERT_THAT(root_.MakeLink("t/sub/file", "../../../outside/secret"), IsOk());
  EXPECT_THAT(root_.RemoveTree("t"), IsOk());
  EXPECT_THAT(root_.RemoveTree("door"), IsOk());
  EXPECT_EQ(root_.List().value().size(), 1);
  ExpectOutsideUntouched();
}

TEST_F(DirectoryAttackTest, RemoveTreeTakesDepthBeyondAllLimits) {
  // Deeper than PATH_MAX reaches and than there are descriptors to hold.
  std::string name(200, 'd');
  ASSERT_THAT(root_.MakeDirectory("t"), IsOk());
  Directory here = root_.OpenDirectory("t").value();
  for (int depth = 0; depth < 500; ++depth) {
    ASSERT_THAT(here.WriteFile("f", "", {.durable = false}), IsOk());
    Directory next = here.MakeDirectories(name).value();
    here = std::move(next);
  }
  rlimit old = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  const rlimit few = {64, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  EXPECT_THAT(root_.RemoveTree("t"), IsOk());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_FALSE(root_.Exists("t").value());
}

/// Runs `body` as an ordinary user in a child process, since root may do anything to any mode.
void AsOrdinaryUser(const std::function<bool()>& body) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool dropped = geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
    _exit(dropped && body() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(DirectoryAttackTest, RemoveTreeTakesForbiddingModesWithoutBeingRoot) {
  ASSERT_EQ(chmod(temporary_.path().c_str(), 0755), 0);
  ASSERT_THAT(root_.SetMode(0777), IsOk());
  AsOrdinaryUser([&] {
    if (!root_.MakeDirectories("t/a/b/c").ok() || !root_.WriteFile("t/a/b/f", "").ok())
      return false;
    for (const auto& [path, mode] :
         {std::pair("t/a/b/c", 0), {"t/a/b", 0555}, {"t/a", 0500}, {"t", 0555}}) {
      if (!root_.OpenDirectory(path).value().SetMode(static_cast<mode_t>(mode)).ok()) return false;
    }
    const absl::Status status = root_.RemoveTree("t");
    if (!status.ok()) fprintf(stderr, "%s\n", status.ToString().c_str());
    return status.ok();
  });
  EXPECT_FALSE(root_.Exists("t").value());
}

TEST_F(DirectoryAttackTest, AForbiddenFileIsPermissionDenied) {
  ASSERT_EQ(chmod(temporary_.path().c_str(), 0755), 0);
  ASSERT_THAT(root_.WriteFile("private", "x", {.mode = 0}), IsOk());
  AsOrdinaryUser([&] { return absl::IsPermissionDenied(root_.OpenFile("private").status()); });
}

TEST_F(DirectoryAttackTest, AWalkStopsWhereATreeIsTooDeep) {
  Directory here = root_.MakeDirectories("t").value();
  for (int depth = 0; depth < kPathDepthMax; ++depth) {
    Directory next = here.MakeDirectories("d").value();
    here = std::move(next);
  }
  const absl::Status status = root_.Walk(
      [](const Directory&, const std::string&, const Entry&) { return absl::OkStatus(); });
  EXPECT_THAT(status, StatusIs(Code::kInvalidArgument));
  EXPECT_TRUE(absl::StrContains(status.message(), "bad_path")) << status;
}

TEST_F(DirectoryAttackTest, AWalkShowsNamesThatPathsMayNotHave) {
  const int descriptor =
      open((root_.path() + "/evil\nname").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  ASSERT_GE(descriptor, 0);
  close(descriptor);
  bool seen = false;
  const absl::Status status =
      root_.Walk([&](const Directory&, const std::string& path, const Entry&) {
        seen = seen || path == "evil\nname";
        return absl::OkStatus();
      });
  EXPECT_THAT(status, IsOk());
  EXPECT_TRUE(seen);
}

TEST_F(DirectoryAttackTest, AMountInsideATreeStopsWalkAndRemoval) {
  if (geteuid() != 0) {
    // Nothing can be mounted: a directory that always has mounts inside is walked instead.
    const Directory dev = Directory::Open("/dev").value();
    EXPECT_THAT(dev.Walk([](const Directory&, const std::string&, const Entry&) {
      return absl::OkStatus();
    }),
                StatusIs(Code::kFailedPrecondition));
    return;
  }
  ASSERT_THAT(root_.MakeDirectories("t/mount"), IsOk());
  const std::string path = root_.path() + "/t/mount";
  ASSERT_EQ(mount(outside_.path().c_str(), path.c_str(), nullptr, MS_BIND, nullptr), 0);
  EXPECT_THAT(root_.RemoveTree("t"), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(root_.Walk([](const Directory&, const std::string&, const Entry&) {
    return absl::OkStatus();
  }),
              StatusIs(Code::kFailedPrecondition));
  EXPECT_EQ(umount(path.c_str()), 0);
  ExpectOutsideUntouched();
}

}  // namespace
}  // namespace waybill::tree
