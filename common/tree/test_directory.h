#ifndef WAYBILL_COMMON_TREE_TEST_DIRECTORY_H_
#define WAYBILL_COMMON_TREE_TEST_DIRECTORY_H_

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "common/tree/directory.h"

namespace waybill::tree {

/// A fresh directory beneath $TEST_TMPDIR (or /tmp), removed with its content at the end. For tests
/// only.
class TestDirectory {
 public:
  TestDirectory() : base_(Base()), name_("waybill_test_XXXXXX") {
    std::string path = base_.path() + "/" + name_;
    if (mkdtemp(path.data()) == nullptr) ADD_FAILURE() << "cannot make " << path;
    name_ = path.substr(base_.path().size() + 1);
  }
  ~TestDirectory() { EXPECT_TRUE(base_.RemoveTree(name_).ok()); }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  std::string path() const { return base_.path() + "/" + name_; }
  Directory Open() const { return base_.OpenDirectory(name_).value(); }

 private:
  static Directory Base() {
    std::string base = testing::TempDir();
    while (base.size() > 1 && base.back() == '/') base.pop_back();
    return Directory::Open(base).value();
  }

  const Directory base_;
  std::string name_;
};

}  // namespace waybill::tree

#endif  // WAYBILL_COMMON_TREE_TEST_DIRECTORY_H_
