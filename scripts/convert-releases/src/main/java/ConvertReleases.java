import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.nio.file.Path;
import org.hl7.fhir.convertors.factory.VersionConvertorFactory_40_50;
import org.hl7.fhir.convertors.factory.VersionConvertorFactory_43_50;

/** Writes r5.json and r4b.json beside an R4 Bundle, converted by HL7's own converter (R4 to R5, R5 to R4B). */
public class ConvertReleases {
  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    org.hl7.fhir.r4.model.Resource r4;
    try (FileInputStream in = new FileInputStream(folder.resolve("r4.json").toFile())) {
      r4 = new org.hl7.fhir.r4.formats.JsonParser().parse(in);
    }
    org.hl7.fhir.r5.model.Resource r5 = VersionConvertorFactory_40_50.convertResource(r4);
    org.hl7.fhir.r4b.model.Resource r4b = VersionConvertorFactory_43_50.convertResource(r5);
    try (FileOutputStream out = new FileOutputStream(folder.resolve("r5.json").toFile())) {
      org.hl7.fhir.r5.formats.JsonParser parser = new org.hl7.fhir.r5.formats.JsonParser();
      parser.setOutputStyle(org.hl7.fhir.r5.formats.IParser.OutputStyle.PRETTY);
      parser.compose(out, r5);
    }
    try (FileOutputStream out = new FileOutputStream(folder.resolve("r4b.json").toFile())) {
      org.hl7.fhir.r4b.formats.JsonParser parser = new org.hl7.fhir.r4b.formats.JsonParser();
      parser.setOutputStyle(org.hl7.fhir.r4b.formats.IParser.OutputStyle.PRETTY);
      parser.compose(out, r4b);
    }
  }
}
