# weir::weir, the one target most users link, and what `cmake --install` puts where find_package(weir) finds it.
add_library(weir_weir INTERFACE)
add_library(weir::weir ALIAS weir_weir)
target_link_libraries(weir_weir INTERFACE weir::core weir::state weir::operators weir::ml weir::testing)
set_target_properties(weir_weir PROPERTIES EXPORT_NAME weir)
install(TARGETS weir_weir EXPORT weir-targets)

include(CMakePackageConfigHelpers)
set(WEIR_PACKAGE_DIRECTORY ${CMAKE_INSTALL_LIBDIR}/cmake/weir)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/weir-config.cmake.in ${PROJECT_BINARY_DIR}/weir-config.cmake
                              INSTALL_DESTINATION ${WEIR_PACKAGE_DIRECTORY})
# Before 1.0 a minor version may break what was.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/weir-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/weir-config.cmake ${PROJECT_BINARY_DIR}/weir-config-version.cmake
        DESTINATION ${WEIR_PACKAGE_DIRECTORY})
install(EXPORT weir-targets NAMESPACE weir:: DESTINATION ${WEIR_PACKAGE_DIRECTORY})
