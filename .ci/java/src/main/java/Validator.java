import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/**
 * HL7's validator with the definitions of R4 and those of a folder: {@code Validator FOLDER}. Each line of the input is a name, a tab
 * and a resource; each line of the output is what was found: severity, name, location, message, with tabs between. Judges nothing.
 */
public class Validator {
  public static void main(String[] arguments) throws Exception {
    FhirContext fhir = FhirContext.forR4();
    var ours = new PrePopulatedValidationSupport(fhir);
    try (var files = Files.newDirectoryStream(Path.of(arguments[0]), "*.json")) {
      for (Path file : files) {
        ours.addResource(fhir.newJsonParser().parseResource(Files.readString(file)));
      }
    }
    // Code systems that cannot be had here, SNOMED CT and LOINC: told as warnings.
    var unknown = new UnknownCodeSystemWarningValidationSupport(fhir);
    unknown.setNonExistentCodeSystemSeverity(IssueSeverity.WARNING);
    var known =
        new ValidationSupportChain(
            new DefaultProfileValidationSupport(fhir),
            ours,
            new CommonCodeSystemsTerminologyService(fhir),
            new InMemoryTerminologyServerValidationSupport(fhir),
            new SnapshotGeneratingValidationSupport(fhir),
            unknown);
    var validator = fhir.newValidator().registerValidatorModule(new FhirInstanceValidator(known));
    var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = input.readLine()) != null; ) {
      String[] parts = line.split("\t", 2);
      for (var found : validator.validateWithResult(parts[1]).getMessages()) {
        String message = found.getMessage().replaceAll("\\s+", " ");
        System.out.println(String.join("\t", found.getSeverity().getCode(), parts[0], found.getLocationString(), message));
      }
    }
  }
}
