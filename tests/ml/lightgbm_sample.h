// A small model of LightGBM, by hand, with one of everything.
#pragma once

#include <string>
#include <string_view>

namespace weir::ml::testing {

// Tree 0 decides by `amount` at 0.5 (missing is NaN and goes left) between leaf 1 and, by `kind` (categories 1 and 33
// go left), leaf 2 or 3. Tree 1 decides by `age` at 0 (zeros are missing and go right) between 10 and 20. Tree 2 is
// a leaf of 100. Tree 3 decides by `age` at 2.5 (nothing is missing) between 1000 and 1 + 2 * amount - age, or 7
// where one of these is missing.
inline std::string lightgbm_sample() {
  return R"(tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=2
objective=regression
feature_names=amount kind age
feature_infos=[-1:1] 0:1:33 [0:99]
tree_sizes=1 1 1 1

Tree=0
num_leaves=3
num_cat=1
split_feature=0 1
split_gain=1 1
threshold=0.5 0
decision_type=10 9
left_child=-1 -2
right_child=1 -3
leaf_value=1 2 3
cat_boundaries=0 2
cat_threshold=2 2
is_linear=0
shrinkage=1


Tree=1
num_leaves=2
num_cat=0
split_feature=2
threshold=0
decision_type=4
left_child=-1
right_child=-2
leaf_value=10 20
is_linear=0
shrinkage=0.1


Tree=2
num_leaves=1
num_cat=0
split_feature=
threshold=
decision_type=
left_child=
right_child=
leaf_value=100
is_linear=0
shrinkage=1


Tree=3
num_leaves=2
num_cat=0
split_feature=2
threshold=2.5
decision_type=0
left_child=-1
right_child=-2
leaf_value=1000 7
is_linear=1
leaf_const=1000 1
num_features=0 2
leaf_features= 0 2
leaf_coeff= 2 -1
shrinkage=0.1


end of trees

feature_importances:
amount=1
version=nonsense

parameters:
[boosting: gbdt]
end of parameters

pandas_categorical:null
)";
}

// Puts `by` in place of `what`, which must be there once or more; only the first is replaced.
inline std::string with(std::string text, std::string_view what, std::string_view by) {
  return text.replace(text.find(what), what.size(), by);
}

}  // namespace weir::ml::testing
