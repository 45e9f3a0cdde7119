#ifndef WAYBILL_COMMON_TREE_DIRECTORY_PARENT_H_
#define WAYBILL_COMMON_TREE_DIRECTORY_PARENT_H_

#include <string>

#include "common/tree/descriptor.h"
#include "common/tree/directory.h"

namespace waybill::tree {

/// Private to Directory: where the last component of a path stands.
struct Directory::Parent {
  int descriptor;  // The Directory's own, or `held`.
  Descriptor held;
  std::string name;  // The last component.
};

}  // namespace waybill::tree

#endif  // WAYBILL_COMMON_TREE_DIRECTORY_PARENT_H_
