# add_room(NAME [USES target...] [PRIVATELY target...] SOURCES file...)
#
# Builds the library weir_NAME (alias weir::NAME) from the folder that calls it. USES are the libraries whose headers
# NAME's own headers include; PRIVATELY those that only its sources include. Each room's headers are mounted, as
# <weir/ROOM/...>, under an include root of their own, so a room cannot include what it does not link: the direction
# of dependency is the compiler's to enforce. FOLDER is where the room is mounted (default: NAME).
#
# Installed are the room's headers, without those that users have no use for: a header that includes librdkafka or RocksDB,
# or one that includes such a header.
#
# add_header_check(NAME) compiles every header of the calling folder alone, save those that a source of the room includes
# before anything else: that source shows as much.

function(add_room NAME)
  cmake_parse_arguments(ROOM "" "FOLDER" "USES;PRIVATELY;SOURCES" ${ARGN})
  if(NOT ROOM_FOLDER)
    set(ROOM_FOLDER ${NAME})
  endif()
  set(target weir_${NAME})
  set(mount ${PROJECT_BINARY_DIR}/rooms/${NAME})
  get_filename_component(mount_parent ${mount}/weir/${ROOM_FOLDER} DIRECTORY)
  file(MAKE_DIRECTORY ${mount_parent})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${mount}/weir/${ROOM_FOLDER} SYMBOLIC)

  add_library(${target} ${ROOM_SOURCES})
  add_library(weir::${NAME} ALIAS ${target})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${mount}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PUBLIC ${ROOM_USES} PRIVATE ${ROOM_PRIVATELY})
  # Where sources are compiled several at once (the presets say where), clang-tidy sees each included from another.
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${NAME} POSITION_INDEPENDENT_CODE ON
                        UNITY_BUILD_CODE_BEFORE_INCLUDE "// NOLINTNEXTLINE(bugprone-suspicious-include)")
  install(TARGETS ${target} EXPORT weir-targets)
  find_private_headers(private ${ROOM_FOLDER})
  list(TRANSFORM private REPLACE "(.+)" "PATTERN;\\1;EXCLUDE" OUTPUT_VARIABLE exclusions)
  install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/weir/${ROOM_FOLDER}
          FILES_MATCHING PATTERN "*.h" PATTERN "planted.h" EXCLUDE PATTERN "cli" EXCLUDE ${exclusions})
endfunction()

# Sets RESULT to the headers under the calling folder, relative to it, that are not for users.
function(find_private_headers RESULT FOLDER)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.h)
  set(private)
  set(forbidden "librdkafka/|rocksdb/")
  set(grown TRUE)
  while(grown)
    set(grown FALSE)
    foreach(header ${headers})
      file(STRINGS ${header} includes REGEX "^#include <(${forbidden})")
      if(includes AND NOT header IN_LIST private)
        list(APPEND private ${header})
        string(APPEND forbidden "|weir/${FOLDER}/${header}>")
        set(grown TRUE)
      endif()
    endforeach()
  endwhile()
  set(${RESULT} ${private} PARENT_SCOPE)
endfunction()

# Compiles each header of the room alone, so that none leans on what its includer happened to include before.
function(add_header_check NAME)
  if(NOT WEIR_BUILD_TESTS OR NOT WEIR_CHECK_HEADERS)
    return()
  endif()
  file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.h)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  get_target_property(unity weir_${NAME} UNITY_BUILD)
  if(NOT unity)
    get_target_property(room_sources weir_${NAME} SOURCES)
    foreach(source ${room_sources})
      file(STRINGS ${source} first REGEX "^#include " LIMIT_COUNT 1)
      string(REGEX REPLACE "^#include <weir/${folder}/(.*)>$" "\\1" first "${first}")
      list(REMOVE_ITEM headers "${first}")
    endforeach()
  endif()
  set(sources)
  foreach(header ${headers})
    set(source ${CMAKE_CURRENT_BINARY_DIR}/header_check/${header}.cc)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include <weir/${folder}/${header}>\n")
    list(APPEND sources ${source})
  endforeach()
  if(sources)
    add_library(weir_${NAME}_headers OBJECT ${sources})
    target_link_libraries(weir_${NAME}_headers PRIVATE weir_${NAME} ${ARGN})
  endif()
endfunction()
